"""Files that Directus keeps."""

from datetime import datetime
from uuid import UUID

from strawberry import ID

from gateway import (
    BigInt,
    directus_asset,
    directus_by_id,
    directus_collection,
    directus_field,
    queries,
)


@directus_collection("directus_files", key_type=UUID)
class File:
    """A file in Directus: what is said of it, and where it is."""

    id: ID = directus_field(readonly=True, description="Its id.")
    title: str | None = directus_field(description="What it is called.")
    description: str | None = directus_field(description="What it shows.")
    filename_download: str | None = directus_field(description="Its name when it is downloaded.")
    type: str | None = directus_field(readonly=True, description="Its media type.")
    filesize: BigInt | None = directus_field(readonly=True, description="In bytes.")
    width: int | None = directus_field(readonly=True, description="Of an image, in pixels.")
    height: int | None = directus_field(readonly=True, description="Likewise.")
    uploaded_on: datetime | None = directus_field(readonly=True, description="When it came.")
    url: str | None = directus_asset(description="Where its content is.")


@queries
class FileQueries:
    """Reading files."""

    file: File | None = directus_by_id(description="The file with this id.")
