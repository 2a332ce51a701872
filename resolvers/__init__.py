"""The bundled domain: a trend-intelligence platform with a vector catalogue."""

from gateway import Domain
from resolvers.catalogue import CatalogueQueries, Collection, EmbeddingJob, User, VectorMetadata
from resolvers.items import Item, ItemQueries
from resolvers.operations import OperationsQueries, PipelineRun, PluginHealth
from resolvers.topics import Topic, TopicItem, TopicQueries
from resolvers.trends import TopTrend, Trend, TrendQueries

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
    queries=[TrendQueries, TopicQueries, ItemQueries, OperationsQueries, CatalogueQueries],
)
