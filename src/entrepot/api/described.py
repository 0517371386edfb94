"""The management API's description of itself, with what each operation may refuse."""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from entrepot.api.problems import PROBLEM, STATUS

REFERENCE = "#/components/responses/Problem"
_TEXT = {"type": "string"}
_PROBLEM = {
    "description": "What was refused and why (RFC 9457); the codes are in the documentation",
    "content": {
        PROBLEM: {
            "schema": {
                "type": "object",
                "properties": {
                    **dict.fromkeys(("type", "title", "detail", "code", "field", "request_id"), _TEXT),
                    "status": {"type": "integer"},
                },
                "required": ["type", "title", "status", "detail", "code", "field", "request_id"],
            }
        }
    },
}


class DescribedAPI(NinjaAPI):
    """An API whose refusals are problem documents, which its OpenAPI document tells."""

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        """As ninja makes it, and with each status that a refusal may have."""
        schema = super().get_openapi_schema(**where)
        schema["components"]["responses"] = {"Problem": _PROBLEM}
        operations = (each for methods in schema["paths"].values() for each in methods.values())
        refusals = {int(status): {"$ref": REFERENCE} for status in STATUS.values()}
        for operation in operations:
            operation["responses"] |= refusals
        return schema
