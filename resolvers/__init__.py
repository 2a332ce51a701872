"""The bundled domain: a trend-intelligence platform with a vector catalogue."""

from gateway import Domain
from resolvers.catalogue import (
    CatalogueMutations,
    CatalogueQueries,
    Collection,
    EmbeddingJob,
    User,
    VectorMetadata,
)
from resolvers.examples import EXAMPLES
from resolvers.items import Item, ItemMutations, ItemQueries
from resolvers.operations import OperationsMutations, OperationsQueries, PipelineRun, PluginHealth
from resolvers.reports import ReportMutations, ReportQueries
from resolvers.topics import Topic, TopicItem, TopicMutations, TopicQueries
from resolvers.trends import TopTrend, Trend, TrendMutations, TrendQueries

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
    ],
    mutations=[
        TrendMutations,
        TopicMutations,
        ItemMutations,
        OperationsMutations,
        CatalogueMutations,
        ReportMutations,
    ],
    examples=EXAMPLES,
    queries=[
        TrendQueries,
        TopicQueries,
        ItemQueries,
        OperationsQueries,
        CatalogueQueries,
        ReportQueries,
    ],
)
