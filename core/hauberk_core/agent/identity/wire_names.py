"""The names by which the certificate authority is called over gRPC; both ends use these."""

from typing import Final

SERVICE: Final = "istio.v1.auth.IstioCertificateService"
METHOD: Final = "CreateCertificate"

# Request metadata: `Bearer` and a join token.
AUTHORIZATION: Final = "authorization"
BEARER: Final = "Bearer "
# Trailing metadata of every answer of ours: control's clock, in seconds since 1970. A caller whose clock differs can then say so.
CLOCK: Final = "hauberk-clock"

# What a caller may claim to be, in the request's metadata.
CLAIM_NAMESPACE: Final = "Namespace"
CLAIM_SERVICE_ACCOUNT: Final = "ServiceAccount"
CLAIM_ROLE: Final = "Role"
CLAIM_NAME: Final = "Name"

# Control's certificate names it so, whatever its address; no workload's certificate can.
CONTROL_NAME: Final = "control.hauberk"

# A chain of ten certificates takes a third of it.
LARGEST_MESSAGE: Final = 64 * 1024
