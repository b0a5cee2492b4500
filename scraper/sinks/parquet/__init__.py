"""Items as a Parquet file."""
