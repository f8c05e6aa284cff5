"""Where one entry's deployment is, and as whom it is asked: as the entry says, or else as is usual."""

from dataclasses import dataclass

from overnight.config.addresses import fault_in, is_openais
from overnight.config.azure import azure_address
from overnight.config.credentials import (
    Credential,
    azure_credential,
    google_credential,
    in_variable,
    openai_credential,
)
from overnight.config.document import Place
from overnight.config.google import bucket_in, usual_base
from overnight.config.reading import Reading
from overnight.config.schema import ModelParams
from overnight.config.vendors import (
    AZURE,
    AZURE_BASES,
    BATCHES_ONLY,
    GOOGLE_BUCKETS,
    GOOGLE_LOCATIONS,
    GOOGLE_PROJECTS,
    OPENAI,
    OPENAI_BASE,
    OPENAI_KEYS,
    OPENAI_ORGANIZATIONS,
    OPENAI_PROJECTS,
    SELF_HOSTED,
    VERTEX,
    value_of,
)
from overnight.domain.deployment import GooglePlace


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a deployment of `provider`. `place` is where `params` stand in the file.

    Every part is None, or as good as can be, when `reading` has got a problem with it.
    """

    reading: Reading
    params: ModelParams
    place: Place
    provider: str

    @property
    def is_openais(self) -> bool:
        """Whether this is OpenAI itself, and not one of the many that speak its API."""
        return self.provider == OPENAI and is_openais(self.params.api_base or OPENAI_BASE)

    def base(self) -> str | None:
        """Return the base URL; at Azure, the resource's."""
        base = self.params.api_base or self._usual_base()
        if base is None:
            return None
        if fault := fault_in(base):
            self._problem("api_base", fault)
            return None
        return azure_address(base).base if self.provider == AZURE else base.rstrip("/")

    def api_version(self) -> str | None:
        """Return the version that Azure is to be asked for; None is its v1 API."""
        base = self.params.api_base or value_of(self.reading.environ, AZURE_BASES)
        if self.provider != AZURE or base is None:
            return None
        return azure_address(base).version(self.params.api_version, environ=self.reading.environ)

    def credential(self) -> Credential:
        """Return the key or the token, and where it comes from."""
        params, at_azure = self.params, self.provider == AZURE
        if self.provider == VERTEX:
            return self._google_credential()
        if params.api_key:
            return Credential(key=params.api_key, source=self._source("api_key"))
        if at_azure and params.azure_ad_token:
            return Credential(token=params.azure_ad_token, source=self._source("azure_ad_token"))
        if at_azure:
            return azure_credential(self.reading.environ)
        # OpenAI's own key goes to OpenAI only, never to an endpoint that somebody else runs.
        usual = openai_credential(self.reading.environ) if self.is_openais else None
        if self.is_openais and usual is None:
            self._missing("api_key", unset=OPENAI_KEYS[0])
        return usual or Credential(source=f"{self._entry}, which has no api_key")

    def google(self, credential: Credential) -> GooglePlace | None:
        """Return where the deployment is at Vertex AI, and through which bucket its rows go."""
        if self.provider != VERTEX:
            return None
        project = self._of_google("vertex_project", self.params.vertex_project, GOOGLE_PROJECTS)
        location = self._of_google("vertex_location", self.params.vertex_location, GOOGLE_LOCATIONS)
        # LiteLLM's older name for it counts where the newer one is not given.
        named = self.params.gcs_bucket_name or self.params.bucket_name
        written = self._of_google("gcs_bucket_name", named, GOOGLE_BUCKETS)
        bucket = bucket_in(written)
        if written and not bucket.name:
            self._problem("gcs_bucket_name", "should name a bucket, as in my-bucket or my-bucket/folder")
        return GooglePlace(
            project=project,
            location=location,
            bucket=bucket.name,
            prefix=bucket.prefix,
            credentials=credential.key,
        )

    def organization(self) -> str | None:
        """Return the organization that OpenAI is to count this for."""
        return self._of_openai(self.params.organization, OPENAI_ORGANIZATIONS)

    def project(self) -> str | None:
        """Return the project that OpenAI is to count this for."""
        return self._of_openai(self.params.project, OPENAI_PROJECTS)

    def _usual_base(self) -> str | None:
        if self.provider == OPENAI:
            return OPENAI_BASE
        if self.provider == SELF_HOSTED:
            _, _, name = self.params.model.partition("/")
            self._problem("api_base", f"is missing: where does {name} run? (http://host:port/v1)")
            return None
        if self.provider == VERTEX:
            location = self.params.vertex_location or value_of(self.reading.environ, GOOGLE_LOCATIONS)
            # Without one there is a problem already, told by `google`.
            return usual_base(location or "")
        base = value_of(self.reading.environ, AZURE_BASES)
        if base is None:
            self._missing("api_base", unset=AZURE_BASES[0])
        return base

    def _google_credential(self) -> Credential:
        given = self.params.vertex_credentials
        if given:
            return Credential(key=given, source=self._source("vertex_credentials"))
        return google_credential(self.reading.environ)

    def _of_google(self, key: str, given: str | None, usual: tuple[str, ...]) -> str:
        found = given or value_of(self.reading.environ, usual)
        if found is None:
            self._missing(key, unset=usual[0])
        return found or ""

    def _of_openai(self, given: str | None, usual: tuple[str, ...]) -> str | None:
        if self.provider in BATCHES_ONLY:
            return None
        return given or (value_of(self.reading.environ, usual) if self.is_openais else None)

    def _source(self, key: str) -> str:
        variable = self.reading.variables.get((*self.place, key))
        return in_variable(variable) if variable else f"{key} in {self._entry}"

    @property
    def _entry(self) -> str:
        return f"{self.reading.document.name}'s entry {int(self.place[1]) + 1}"

    def _missing(self, key: str, *, unset: str) -> None:
        self._problem(key, f"is missing, and the environment variable {unset} is not set")

    def _problem(self, key: str, what: str) -> None:
        self.reading.problem((*self.place, key), what)
