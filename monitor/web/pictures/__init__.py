"""Pictures as SVG inside the page: presentation attributes and classes only, since the policy forbids inline style."""
