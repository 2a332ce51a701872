"""What is told as it happens: changed rows, and messages (docs/subscriptions.md)."""

from gateway import Change, StateSubscriptions, changes, subscriptions
from resolvers.operations import PipelineRun, PluginHealth
from resolvers.topics import Topic
from resolvers.trends import Trend


@subscriptions
class ChangeSubscriptions:
    """Changes of rows, whoever makes them."""

    trend_changed: Change[Trend] | None = changes(description="Trends as they change.")
    topic_changed: Change[Topic] | None = changes(description="Topics as they change.")
    pipeline_run_changed: Change[PipelineRun] | None = changes(
        description="Runs of the pipeline as they go on."
    )
    plugin_health_changed: Change[PluginHealth] | None = changes(
        description="Collectors as they work or fail."
    )


__all__ = ["ChangeSubscriptions", "StateSubscriptions"]
