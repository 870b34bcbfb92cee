"""Static files under names that carry a hash of their content, so that browsers may keep them for good."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise's, but that a page does not fail for a file that `collectstatic` has not seen yet."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        try:
            hashed: str = super().stored_name(name)
        except ValueError:  # in no manifest and not in STATIC_ROOT: served by its plain name
            return name
        return hashed
