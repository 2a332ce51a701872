"""A domain of books, such as a reader of the documents writes."""
