"""Voucher definitions in the database: kept by version, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from alerts.definitions import Definition, DefinitionError, parse_definition
from alerts.tables import voucher_definitions


def store_definitions(connection: Connection, definitions: Mapping[str, Definition], now: datetime) -> list[str]:
    """Keep definitions; those that are there with the same content stay as they are.

    Returns:
        The ids of those that were not there.

    Raises:
        DefinitionError: one is there with other content. Vouchers were granted under it: a change is a new version.
    """
    there = {row.definition_id: row.content for row in connection.execute(select(voucher_definitions))}
    contents = {definition_id: _content(one) for definition_id, one in definitions.items()}
    for definition_id, content in contents.items():
        if there.get(definition_id, content) != content:
            raise DefinitionError(
                f"{definition_id} is in the database with other content, and vouchers may have been granted under it;"
                " give the changed one a new version"
            )
    new = [definition_id for definition_id in contents if definition_id not in there]
    rows = [
        {
            "definition_id": definition_id,
            "kind": definitions[definition_id].kind,
            "version": definitions[definition_id].version,
            "content": contents[definition_id],
            "loaded_at": now,
        }
        for definition_id in new
    ]
    if rows:
        connection.execute(voucher_definitions.insert(), rows)
    return new


def stored_definitions(connection: Connection) -> dict[str, Definition]:
    """All definitions by their id.

    Raises:
        DefinitionError: one cannot be read by this code, which has another idea of definitions.
    """
    return {
        row.definition_id: parse_definition(json.loads(row.content), f"definition {row.definition_id} in the database")
        for row in connection.execute(select(voucher_definitions).order_by(voucher_definitions.c.definition_id))
    }


def _content(definition: Definition) -> str:
    return json.dumps(definition.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
