"""Operations that stay open: subscriptions, and queries with `@live`.

    subscriptions  an operation's stream of answers
    open_operation one of them: planned for whoever asks now
    events         what can be listened to
    live           queries that are answered again; `watches` says when

What a client gets stands in `docs/subscriptions.md`.
"""
