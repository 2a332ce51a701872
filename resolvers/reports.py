"""Reports and upkeep in SQL of their own: a file in `sql/` for each field."""

from gateway import Cache, Row, Rows, mutations, named_sql, queries
from resolvers.trends import Trend


@queries
class ReportQueries:
    """Questions that tables and relations do not answer by themselves."""

    trends_between: list[Trend] | None = named_sql("trends_between.sql")
    trend_counts: Rows | None = named_sql("trend_counts.sql")
    items_per_day: Rows | None = named_sql("items_per_day.sql")
    item_exists: bool | None = named_sql("item_exists.sql")
    content_totals: Row | None = named_sql("content_totals.sql")


@mutations(roles=["editor", "admin"])
class ReportMutations:
    """Upkeep."""

    refresh_top_trends: int | None = named_sql(
        "refresh_top_trends.sql", cache=Cache(0, tags=("TopTrend",))
    )
    delete_old_items: int | None = named_sql("delete_old_items.sql")
    retire_trends: list[Trend] | None = named_sql("retire_trends.sql")
