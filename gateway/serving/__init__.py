"""The process that serves: uvicorn with bounds, and nothing of the command line in memory."""
