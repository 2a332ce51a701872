"""The bundled domain: a trend-intelligence platform with a vector catalogue."""

from pathlib import Path

from gateway import CacheMutations, DatasourceQueries, Domain, Join, Upstream
from resolvers.article_writes import ArticleMutations, FileMutations
from resolvers.articles import Article, ArticleQueries, Author
from resolvers.catalogue import (
    ApiKeys,
    CatalogueMutations,
    CatalogueQueries,
    Collection,
    EmbeddingJob,
    User,
    VectorMetadata,
)
from resolvers.examples import EXAMPLES
from resolvers.files import File, FileQueries
from resolvers.items import ITEM_SYNC, Item, ItemMutations, ItemQueries
from resolvers.operations import OperationsMutations, OperationsQueries, PipelineRun, PluginHealth
from resolvers.reports import ReportMutations, ReportQueries
from resolvers.state import NAMESPACES, StateMutations, StateQueries
from resolvers.subscriptions import ChangeSubscriptions, StateSubscriptions
from resolvers.topics import Topic, TopicItem, TopicMutations, TopicQueries
from resolvers.trends import TREND_SYNC, TopTrend, Trend, TrendMutations, TrendQueries
from resolvers.vector_writes import (
    ItemPointMutations,
    TrendPointMutations,
    VectorCollectionQueries,
    VectorMutations,
)
from resolvers.vectors import VectorQueries
from resolvers.workflows import (
    TREND_DIGEST,
    WorkflowMutations,
    WorkflowQueries,
    WorkflowRun,
    WorkflowSubscriptions,
)

PEOPLE = Upstream(
    "people",
    Path(__file__).parent / "upstreams" / "people.graphql",
    joins=[Join("Person", "trends", Trend, "id", "The trends this person has.", column="owner_id")],
    optional=True,
)

TOP_TRENDS = "query TopTrends { topTrends(first: 10) { nodes { rank title state score } } }"

domain = Domain(
    entities=[
        Trend,
        TopTrend,
        Topic,
        TopicItem,
        Item,
        PluginHealth,
        PipelineRun,
        User,
        Collection,
        VectorMetadata,
        EmbeddingJob,
        WorkflowRun,
    ],
    collections=[Article, Author, File],
    upstreams=[PEOPLE],
    mutations=[
        TrendMutations,
        TopicMutations,
        ItemMutations,
        OperationsMutations,
        CatalogueMutations,
        ReportMutations,
        ArticleMutations,
        FileMutations,
        StateMutations,
        TrendPointMutations,
        ItemPointMutations,
        VectorMutations,
        WorkflowMutations,
        CacheMutations,
    ],
    subscriptions=[ChangeSubscriptions, StateSubscriptions, WorkflowSubscriptions],
    workflows=[TREND_DIGEST],
    examples=EXAMPLES,
    warm=[TOP_TRENDS],
    namespaces=NAMESPACES,
    subgraph=True,
    api_keys=ApiKeys,
    syncs=[TREND_SYNC, ITEM_SYNC],
    queries=[
        TrendQueries,
        TopicQueries,
        ItemQueries,
        OperationsQueries,
        CatalogueQueries,
        ReportQueries,
        StateQueries,
        DatasourceQueries,
        ArticleQueries,
        FileQueries,
        VectorQueries,
        VectorCollectionQueries,
        WorkflowQueries,
    ],
)
