"""Queries to begin with: the demo prints them, GraphiQL opens with them."""

EXAMPLES = {
    "Find what you mean, in plain words": """
query FindByMeaning {
  searchTrends(text: "steal passwords saved in a browser", limit: 3) {
    score
    trend {
      title
      state
      views
      topic { title items(first: 2) { nodes { title url } } }
    }
  }
}
""",
    "The strongest trends, and what is like them": """
query StrongestTrends {
  trends(first: 5, orderBy: [{ score: DESC }]) {
    edges {
      node {
        rank title category score momentum
        similar(first: 2) { score trend { title } }
      }
    }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}
""",
    "Filter through relations": """
query GrowingTopics {
  topics(
    first: 5
    where: {
      trends: { some: { velocity: { gt: 0 } } }
      itemCount: { gte: 20 }
    }
    orderBy: [{ itemCount: DESC }]
  ) {
    nodes {
      title category itemCount
      trends { nodes { title state velocity } }
    }
  }
}
""",
}
