"""PostgreSQL, and the only place that speaks SQL."""
