-- Takes the ranking of `topTrends` anew; readers go on reading the old one meanwhile.
-- mode: execute
select refresh_top_trends_today()
