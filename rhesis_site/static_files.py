"""Static files with a content hash in their names, which browsers can cache permanently."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise's storage. Serves a file that `collectstatic` has not collected by its plain name."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        try:
            hashed: str = super().stored_name(name)
        except ValueError:  # neither in the manifest nor in STATIC_ROOT
            return name
        return hashed
