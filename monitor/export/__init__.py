"""What the store holds, for other programs: tables as CSV, JSON Lines and Parquet, the watchlist as CycloneDX."""
