"""What is collected and what is made of it: items, topics, trends."""

from __future__ import annotations

import sqlalchemy as sa

from resolvers.models.base import (
    LANGUAGE_TAG,
    created,
    document,
    finite,
    instant,
    item_source,
    metadata,
    moment,
    optional,
    positive,
    required,
    search_vector,
    serial_key,
    trend_category,
    trend_state,
    updated,
    views,
    whole,
    words,
)


def _json_index(column: str) -> sa.Index:
    """An index for containment and path questions to a jsonb column."""
    return sa.Index(None, column, postgresql_using="gin", postgresql_ops={column: "jsonb_path_ops"})


def _gin_index(column: str) -> sa.Index:
    """An index for the words of an array or a text-search column."""
    return sa.Index(None, column, postgresql_using="gin")


def _ranking_columns() -> list[sa.Column[object]]:
    """The columns that the table of trends and the view of today's top trends share."""
    return [
        required("rank", sa.Integer, "Place in the ranking by score; 1 is the top."),
        required("title", sa.Text, "What the trend is called."),
        required("summary", sa.Text, "What the trend is about, in a few sentences.", "''"),
        required("category", trend_category, "What the trend is about, in one word."),
        required("state", trend_state, "Where the trend stands in its life."),
        required(
            "score",
            sa.Double,
            "How strong the trend is now: its items weighed by relevance and recency; 0 is none.",
            "0",
        ),
        required("item_count", sa.Integer, "How many items the trend rests on.", "0"),
        required(
            "velocity",
            sa.Double,
            "How fast the trend's share of all items grows, in doublings per period; "
            "negative when it shrinks.",
            "0",
        ),
        instant("first_seen", "The date of its first item."),
        instant("last_updated", "The date of its latest item."),
    ]


topics = sa.Table(
    "topics",
    metadata,
    serial_key("The topic's number."),
    required("title", sa.Text, "What the topic is called."),
    required("summary", sa.Text, "What its items have in common, in a few sentences.", "''"),
    required("category", trend_category, "What the topic is about, in one word."),
    required("language", sa.Text, "The language of its texts, as a BCP 47 tag.", "'en'"),
    words("keywords", "Words that single the topic out, strongest first."),
    required("item_count", sa.Integer, "How many items belong to it; kept by a trigger.", "0"),
    required(
        "engagement_score",
        sa.Double,
        "How much its items were taken up, weighed by recency; 0 is none.",
        "0",
    ),
    moment("first_seen", "The date of its first item."),
    moment("last_updated", "The date of its latest item."),
    document("metadata", "Whatever else is known, by name."),
    created(),
    updated(),
    search_vector("title", "summary"),
    sa.CheckConstraint("char_length(title) BETWEEN 1 AND 500", name="title_length"),
    sa.CheckConstraint("octet_length(summary) <= 65536", name="summary_size"),
    sa.CheckConstraint(LANGUAGE_TAG, name="language_tag"),
    sa.CheckConstraint(whole("keywords"), name="keywords_whole"),
    sa.CheckConstraint("item_count >= 0", name="item_count_range"),
    sa.CheckConstraint(positive("engagement_score"), name="engagement_score_range"),
    sa.CheckConstraint(
        "isfinite(first_seen) AND isfinite(last_updated) AND first_seen <= last_updated",
        name="seen_order",
    ),
    sa.Index(None, "category", "item_count"),
    sa.Index(None, "last_updated", postgresql_where=sa.text("last_updated IS NOT NULL")),
    _gin_index("keywords"),
    _json_index("metadata"),
    _gin_index("search"),
    comment="A cluster of items that tell of the same thing.",
)

trends = sa.Table(
    "trends",
    metadata,
    serial_key("The trend's number."),
    sa.Column(
        "topic_id",
        sa.BigInteger,
        sa.ForeignKey("topics.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="The topic that is trending.",
    ),
    *_ranking_columns(),
    required("upvotes", sa.Integer, "Votes of its items; 0 where the sources have none.", "0"),
    required("comments", sa.Integer, "Comments on its items; 0 where there are none.", "0"),
    required(
        "engagement_score",
        sa.Double,
        "How much its items were taken up, weighed by recency; 0 is none.",
        "0",
    ),
    words("sources", "Where its items come from."),
    required("language", sa.Text, "The language of its texts, as a BCP 47 tag.", "'en'"),
    words("keywords", "Words that single the trend out, strongest first."),
    document("metadata", "Whatever else is known, by name."),
    created(),
    updated(),
    required(
        "version",
        sa.Integer,
        "Counts the changes of this row, for optimistic locking; kept by the database.",
        "1",
    ),
    search_vector("title", "summary"),
    optional("owner_id", sa.Text, "Who owns the trend, by their id at the service of people."),
    sa.CheckConstraint("char_length(owner_id) BETWEEN 1 AND 200", name="owner_id_length"),
    sa.CheckConstraint("rank >= 1", name="rank_range"),
    sa.CheckConstraint("char_length(title) BETWEEN 1 AND 500", name="title_length"),
    sa.CheckConstraint("octet_length(summary) <= 65536", name="summary_size"),
    sa.CheckConstraint(LANGUAGE_TAG, name="language_tag"),
    sa.CheckConstraint(whole("keywords"), name="keywords_whole"),
    sa.CheckConstraint(whole("sources"), name="sources_whole"),
    sa.CheckConstraint(positive("score"), name="score_range"),
    sa.CheckConstraint(positive("engagement_score"), name="engagement_score_range"),
    sa.CheckConstraint(finite("velocity"), name="velocity_finite"),
    sa.CheckConstraint("item_count >= 0 AND upvotes >= 0 AND comments >= 0", name="counts_range"),
    sa.CheckConstraint(
        "isfinite(first_seen) AND isfinite(last_updated) AND first_seen <= last_updated",
        name="seen_order",
    ),
    sa.Index(None, "owner_id", postgresql_where=sa.text("owner_id IS NOT NULL")),
    sa.Index(None, "category", "rank"),
    sa.Index(None, "rank", "id"),
    sa.Index(None, "score", "id"),
    sa.Index(None, "last_updated", "id"),
    sa.Index(
        "ix_trends_live_score",
        "score",
        postgresql_where=sa.text("state IN ('emerging', 'viral', 'sustained')"),
    ),
    _gin_index("keywords"),
    _json_index("metadata"),
    _gin_index("search"),
    comment="A topic that was ranked and analysed.",
)

processed_items = sa.Table(
    "processed_items",
    metadata,
    serial_key("The item's number."),
    required("source", item_source, "Where the item was collected."),
    required("source_id", sa.Text, "What the source itself calls the item."),
    required("title", sa.Text, "The item's heading."),
    required("content", sa.Text, "The item's text.", "''"),
    optional("author", sa.Text, "Who published it, as far as the source says."),
    optional("url", sa.Text, "Where to read it."),
    required("language", sa.Text, "The language of the text, as a BCP 47 tag.", "'en'"),
    moment("published_at", "When it was published, as far as known."),
    instant("collected_at", "When it was collected.", "now()"),
    document("metrics", "Counts the source gives: votes, comments, references."),
    document("metadata", "Whatever else is known, by name."),
    created(),
    updated(),
    search_vector("title", "content"),
    sa.UniqueConstraint("source", "source_id"),
    sa.CheckConstraint("char_length(source_id) BETWEEN 1 AND 500", name="source_id_length"),
    sa.CheckConstraint("char_length(title) BETWEEN 1 AND 1000", name="title_length"),
    sa.CheckConstraint("octet_length(content) <= 524288", name="content_size"),
    sa.CheckConstraint("char_length(url) <= 2048", name="url_length"),
    sa.CheckConstraint(LANGUAGE_TAG, name="language_tag"),
    sa.CheckConstraint("isfinite(published_at)", name="published_at_finite"),
    sa.CheckConstraint("isfinite(collected_at)", name="collected_at_finite"),
    sa.Index(None, "collected_at"),
    sa.Index(None, "published_at", "id", postgresql_where=sa.text("published_at IS NOT NULL")),
    _json_index("metrics"),
    _json_index("metadata"),
    _gin_index("search"),
    comment="A text from a source, brought into one form.",
)

topic_items = sa.Table(
    "topic_items",
    metadata,
    sa.Column(
        "topic_id",
        sa.BigInteger,
        sa.ForeignKey("topics.id", ondelete="CASCADE"),
        primary_key=True,
        comment="The topic.",
    ),
    sa.Column(
        "item_id",
        sa.BigInteger,
        sa.ForeignKey("processed_items.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
        comment="The item.",
    ),
    required("position", sa.Integer, "The item's place within the topic; 1 is the first.", "1"),
    required("relevance", sa.Double, "How well the item fits the topic, from 0 to 1.", "1"),
    sa.CheckConstraint("position >= 1", name="position_range"),
    sa.CheckConstraint("relevance BETWEEN 0 AND 1", name="relevance_range"),
    sa.Index(None, "topic_id", "position"),
    comment="Which items belong to which topic, and how well.",
)

top_trends_today = sa.Table(
    "top_trends_today",
    views,
    sa.Column("id", sa.BigInteger, primary_key=True, comment="The trend's number."),
    required("topic_id", sa.BigInteger, "The topic that is trending."),
    *_ranking_columns(),
    words("keywords", "Words that single the trend out, strongest first."),
    required("category_rank", sa.Integer, "Place among the trends of its category; 1 is the top."),
    instant("refreshed_at", "When this ranking was taken."),
    comment="The hundred strongest living trends, as of the last refresh.",
)
