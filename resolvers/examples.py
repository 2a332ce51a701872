"""Queries to begin with: GraphiQL opens with them, and the demo prints the first three."""

EXAMPLES = {
    "Find what you mean, in plain words": """
query FindByMeaning {
  searchTrends(text: "steal passwords saved in a browser", limit: 3) {
    score
    trend {
      title
      state
      views
      topic {
        title
        items(first: 2) { nodes { title url } }
      }
    }
  }
}
""",
    "The strongest trends, and what is like them": """
query StrongestTrends {
  trends(first: 5, orderBy: [{ score: DESC }]) {
    edges {
      node {
        rank title score momentum
        owner { name role }
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
    "Words and meaning, fused into one ranking": """
query Hybrid {
  searchTrends(text: "browser password", mode: HYBRID, limit: 5) {
    score
    vectorRank
    textRank
    trend { title }
  }
}
""",
    "Rows narrow a search, meaning narrows a list": """
query BothWays {
  searchTrends(
    text: "steal passwords"
    where: { velocity: { gt: 0 }, topic: { itemCount: { gte: 20 } } }
    limit: 3
  ) {
    score
    trend { title velocity topic { itemCount } }
  }
  trends(
    near: { text: "steal passwords", limit: 50 }
    where: { state: { ne: DEAD } }
    orderBy: [{ score: DESC }]
    first: 3
  ) {
    totalCount
    nodes { title state score }
  }
}
""",
    "Totals and groups": """
query Totals {
  trends {
    aggregate { count avg { score } max { score velocity } }
    groups(
      by: [CATEGORY]
      having: { count: { gte: 10 } }
      orderBy: [{ count: DESC }]
      first: 5
    ) {
      key { category }
      count
      avg { score }
    }
  }
}
""",
    "What Redis counts, beside the rows": """
query Views {
  trends(first: 3, orderBy: [{ rank: ASC }]) {
    nodes { id title views }
  }
  state(namespace: VIEWS) {
    counter(key: "trend_1")
    keys(match: "trend_1*", first: 5) { nodes }
  }
}
""",
    "A write: put the demo's key under Headers": """
mutation CountView {
  incrementState(namespace: VIEWS, key: "trend_1")
}
""",
}
