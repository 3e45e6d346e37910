"""asyncua as an OPC UA server, in a process of its own: PORT [CERTIFICATE KEY].

It prints "ready", and does what the lines say that it reads: ``NAME = VALUE`` (Python),
``NAME ! STATUS`` gives the value a status, ``NAME + VALUE`` makes a node, ``sessions``
prints how many it has. With a certificate it takes signed and encrypted connections of
the user "lab" only.
"""

import ast
import asyncio
import logging
import sys
from datetime import UTC

from asyncua import ua
from asyncua.common.structures104 import new_enum
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.status_codes import StatusCodes

STAMP = ua.DateTime(2026, 11, 29, 12, 0, 0, 250000, UTC)


class Users(UserManager):
    def get_user(self, iserver, username=None, password=None, certificate=None):  # type: ignore[no-untyped-def]
        if (username, password) == ("lab", "secret"):
            return User(role=UserRole.User)
        return None


VALUES = {
    "T": ua.Variant(21.5, ua.VariantType.Double),
    "N": ua.Variant(7, ua.VariantType.Int16),
    "F": ua.Variant(1.5, ua.VariantType.Float),
    "On": ua.Variant(True, ua.VariantType.Boolean),
    "Text": ua.Variant("abc", ua.VariantType.String),
    "Local": ua.Variant(ua.LocalizedText("hallo"), ua.VariantType.LocalizedText),
    "When": ua.Variant(STAMP, ua.VariantType.DateTime),
    "Trace": ua.Variant([1.0, 2.0, 3.0], ua.VariantType.Double),
    "Names": ua.Variant(["a", "b"], ua.VariantType.String),
    "Fixed": ua.Variant(3, ua.VariantType.Int32),
}


async def main(port: str, *files: str) -> None:
    logging.disable()
    server = Server(user_manager=Users() if files else None)
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/lab")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    if files:
        server.set_security_policy(
            [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
        )
        await server.load_certificate(files[0])
        await server.load_private_key(files[1])
        server.set_identity_tokens([ua.UserNameIdentityToken])
    space = await server.register_namespace("http://lab/plc")
    nodes = {}

    async def add(name: str, value: ua.Variant) -> None:
        node = await server.nodes.objects.add_variable(
            ua.NodeId.from_string(f"ns={space};s={name}"), name, value
        )
        if name != "Fixed":
            await node.set_writable()
        nodes[name] = node

    for name, value in VALUES.items():
        await add(name, value)
    mode = await new_enum(server, space, "Modes", ["Off", "On", "Tripped"])
    node = ua.NodeId.from_string(f"ns={space};s=Mode")
    two = ua.Variant(2, ua.VariantType.Int32)
    await server.nodes.objects.add_variable(node, "Mode", two, datatype=mode.nodeid)
    old = await server.nodes.enum_data_type.add_data_type(
        ua.NodeId.from_string(f"ns={space};s=OldModes"), "OldModes"
    )
    texts = [ua.LocalizedText(one) for one in ("Off", "On", "Broken")]
    await old.add_property(0, "EnumStrings", texts)
    node = ua.NodeId.from_string(f"ns={space};s=OldMode")
    await server.nodes.objects.add_variable(node, "OldMode", two, datatype=old.nodeid)
    async with server:
        print("ready", flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := (await reader.readline()).decode().strip():
            if line == "sessions":
                print(len(server.iserver._external_sessions), flush=True)
                continue
            name, what, rest = line.split(" ", 2)
            if what == "+":
                await add(name, ua.Variant(ast.literal_eval(rest)))
            elif what == "=":
                kind = VALUES[name].VariantType
                value = ua.Variant(ast.literal_eval(rest), kind)
                data = ua.DataValue(value, SourceTimestamp=STAMP)
                await nodes[name].write_value(data)
            else:
                code = ua.StatusCode(getattr(StatusCodes, rest))
                value = VALUES[name] if code.is_uncertain() else ua.Variant()
                data = ua.DataValue(value, code, SourceTimestamp=STAMP)
                await server.write_attribute_value(nodes[name].nodeid, data)
            print("done", flush=True)


asyncio.run(main(*sys.argv[1:]))
