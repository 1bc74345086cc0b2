"""The catalogue: what is sold, in which categories, who delivers it; workspaces and providers as customers see them.

Owns the tables categories, services, service_resources, service_requirements. docs/catalogue.md says what a service is.
"""
