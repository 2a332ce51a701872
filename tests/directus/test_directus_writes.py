"""Writes, files and credentials against a real Directus."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from instance import SECRET
from newsroom import DOMAIN, Article, Comment, File, Newsroom, Recording, Tag, running
from seed import EDITOR_EMAIL, EDITOR_PASSWORD, EDITOR_TOKEN, READER_TOKEN
from transport.test_multipart import form  # noqa: F401 - see below

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
