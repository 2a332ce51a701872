"""Operation → a plan: which source is asked what, in which wave. Pure: no input or output.

    plan           `Planner` reads an operation's root fields; `roots` and `making` make their steps
    steps          `Step`: a request whose arguments are open; `Fetch`: once they are known
    outline        all steps of an operation; compiles a plan for each shape of the arguments
    variables      the variables of a request, coerced
    arguments      readers: a field's arguments → shape and values
    registry       what sources can be asked
    cacheability   which answers may be kept; `cacheable_fields`: which of plain resolvers
    walked         which parts graphql-core must walk

The other files make the steps and readers of one kind of field each.
"""
