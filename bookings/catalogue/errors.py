"""What can go wrong with the catalogue."""

from __future__ import annotations

from bookings.errors import Conflict


class SlugTaken(Conflict):
    """Another one has this slug; choose a different one."""

    code = "slug-taken"
    constraints = ("services_slug_unique", "categories_slug_unique")


class CategoryInUse(Conflict):
    """The category has services, archived ones included; give them another category first."""

    code = "category-in-use"
    constraints = ("services_category_known",)
