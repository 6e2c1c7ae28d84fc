"""One module for each part of the pages: its handlers, and nothing that asks the store by itself."""
