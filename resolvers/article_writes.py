"""Writing articles and files in Directus."""

from gateway import (
    directus_create,
    directus_create_many,
    directus_delete,
    directus_delete_many,
    directus_update,
    directus_update_many,
    directus_upload,
    mutations,
)
from resolvers.articles import Article
from resolvers.files import File


@mutations(roles=["editor", "admin"])
class ArticleMutations:
    """Writing articles."""

    create_article: Article | None = directus_create(description="A new article.")
    create_articles: list[Article] | None = directus_create_many(description="New articles.")
    update_article: Article | None = directus_update(description="Changes to an article.")
    update_articles: list[Article] | None = directus_update_many(
        description="The same changes to several articles."
    )
    delete_article: Article | None = directus_delete(description="Deletes an article.")
    delete_articles: list[Article] | None = directus_delete_many(
        description="Deletes several articles."
    )


@mutations(roles=["editor", "admin"])
class FileMutations:
    """Writing files."""

    upload_file: File | None = directus_upload(description="A new file.")
    update_file: File | None = directus_update(description="Changes what is said of a file.")
    delete_file: File | None = directus_delete(description="Deletes a file.")
