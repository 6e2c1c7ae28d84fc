"""Where everything is kept: the engine, the tables, the migrations and the questions asked of them."""
