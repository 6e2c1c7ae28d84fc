"""Questions that pages, the API and the command line ask of the store: bounded, and with few statements each."""
