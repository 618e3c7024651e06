"""What each trouble of the link means, and what to do next, on which machine (the gateway host runs Windows).

The identifiers are stable: ``mt5canary diagnose --json`` prints them, and docs/runbook.md has a section for each group.
``{host}``, ``{port}`` and ``{detail}`` are filled in when the words are shown.
"""

from __future__ import annotations

from msgspec import Struct

HERE = "this node"
GATEWAY = "gateway host"
TERMINAL = "terminal"
CLOUD = "cloud console"
PLAN = "plan"


class Advice(Struct, frozen=True):
    """What a trouble means, and the next steps, each with the machine that it is done on."""

    meaning: str
    steps: tuple[tuple[str, str], ...]


MT5_RUNS = (GATEWAY, "is MetaTrader 5 running?  tasklist | findstr MT5  (its process: terminal64.exe)")
LISTENS = (GATEWAY, "does anything listen?  netstat -ano | findstr :{port}")
WINDOWS_FIREWALL = (GATEWAY, 'netsh advfirewall firewall show rule name="ZMQ-MT5"  (allows {port} in?)')
SECURITY_GROUP = (CLOUD, "the security group must allow TCP {port} from this node to {host}")
EXPERTS = (TERMINAL, "read the Experts tab; take the expert advisor off its chart, attach it again")
READ_THE_LOG = (GATEWAY, "read the last lines of the gateway's log; restart it if it hangs")
WHAT_LISTENS = (GATEWAY, "which program?  netstat -ano | findstr :{port}  then  tasklist | findstr PID")
RIGHT_ADDRESS = (PLAN, "put the gateway host's own address into GTW_HOST (there: ipconfig)")
RIGHT_PORT = (PLAN, "check port (GTW_PORT) against the gateway's --bind")

ADVICE: dict[str, Advice] = {
    "name-unresolvable": Advice(
        "the plan's host has no address as seen from here",
        ((HERE, "getent hosts {host}"), (PLAN, "correct host (GTW_HOST), or use the address itself")),
    ),
    "address-is-here": Advice(
        "that address is this machine's own: whatever answers there is not the gateway. The first canary went there",
        (RIGHT_ADDRESS, (PLAN, "a declared local forward needs via: tunnel and curve keys")),
    ),
    "address-is-broadcast": Advice(
        "no machine can have that address on this network: a broadcast or network address was taken for a host's",
        ((HERE, "ip -brief address   (shows this node's networks and masks)"), RIGHT_ADDRESS),
    ),
    "address-is-no-host": Advice("no gateway can be reached at such an address", (RIGHT_ADDRESS,)),
    "source-not-here": Advice(
        "the plan's source is not an address of this node",
        ((HERE, "ip -brief address"), (PLAN, "correct source (GTW_SOURCE), or leave it out")),
    ),
    "no-route": Advice(
        "this node has no way to that network: VPN down, interface down, or a broadcast address",
        ((HERE, "ip route get {host}"), (HERE, "bring the VPN or the interface up")),
    ),
    "no-such-host": Advice(
        "a router, or this node's own network, says that {host} cannot be reached: the machine is off, its address "
        "changed, or a firewall refuses the way",
        ((HERE, "ip neigh show {host}"), (CLOUD, "is the gateway's machine running?"), SECURITY_GROUP, RIGHT_ADDRESS),
    ),
    "port-closed": Advice(
        "the machine is up and refuses port {port}: no gateway listens there, or it is bound to 127.0.0.1 only",
        (
            MT5_RUNS,
            LISTENS,
            (GATEWAY, "start it: mt5canary serve --bind tcp://0.0.0.0:{port}, or attach the EA"),
            RIGHT_PORT,
        ),
    ),
    "no-answer": Advice(
        "packets vanish: a firewall drops them, or there is no machine at {host}",
        (WINDOWS_FIREWALL, SECURITY_GROUP, (CLOUD, "is the gateway's machine running?"), RIGHT_ADDRESS),
    ),
    "tcp-failed": Advice("the TCP connection cannot be made", ((HERE, "ip route get {host}"), WINDOWS_FIREWALL)),
    "not-zeromq": Advice("another kind of program holds port {port}", (WHAT_LISTENS, RIGHT_PORT)),
    "mute": Advice(
        "TCP is accepted, and nothing speaks ZeroMQ: another program (an HTTP server waits like this), or a gateway "
        "process that is frozen",
        (
            WHAT_LISTENS,
            (GATEWAY, "if it is the gateway or the terminal, it hangs: end it and start it again"),
        ),
    ),
    "hangs-up": Advice(
        "TCP is accepted and closed at once: a forward or load balancer with nothing behind it, or a program that "
        "refuses strangers",
        (WHAT_LISTENS, MT5_RUNS),
    ),
    "wrong-socket-type": Advice(
        "a ZeroMQ socket that does not answer requests: the plan's port is that of another channel (prices, signals)",
        ((GATEWAY, "bind the commands' socket as ZMQ_REP, on another port than the quotes'"), RIGHT_PORT),
    ),
    "curve-required": Advice(
        "the gateway speaks CURVE only, and the plan has no keys",
        (
            (GATEWAY, "mt5canary keygen DIR"),
            (PLAN, "curve: {{server_key: ..., client_key_file: keys/client.key_secret}}"),
        ),
    ),
    "curve-unused": Advice(
        "the plan pins a CURVE key, and what listens there does not use CURVE: an older start, or not our gateway",
        ((GATEWAY, "start it with --curve-key and --curve-allow"), RIGHT_PORT),
    ),
    "curve-wrong-key": Advice(
        "the gateway's key is not the pinned one: keys were made anew, or this is not our gateway",
        (
            (GATEWAY, "compare gateway.key with curve.server_key of the plan"),
            (PLAN, "pin the new key only if you made it"),
        ),
    ),
    "curve-refused": Advice(
        "the gateway is the right one and does not admit this node's key",
        ((GATEWAY, "put this node's client.key into the folder of --curve-allow; restart the gateway"),),
    ),
    "handshake-failed": Advice("the ZeroMQ handshake does not complete", (WHAT_LISTENS, READ_THE_LOG)),
    "no-protocol": Advice(
        "TCP and ZMTP are fine; nothing more was tried, for some expert advisors take any message for an order",
        ((PLAN, 'protocol: "4.3" for this target, once you know that its gateway speaks it'),),
    ),
    "silent": Advice(
        "the transport lives and the application does not answer: the REP socket is busy or stuck with another "
        "request, the expert advisor waits for a quote (OnTick), or the terminal hangs",
        (EXPERTS, READ_THE_LOG, MT5_RUNS),
    ),
    "network-cut": Advice(
        "the way was cut while a request was on it",
        ((HERE, "ip route get {host}; ping -c 3 {host}"), SECURITY_GROUP, WINDOWS_FIREWALL),
    ),
    "unreadable": Advice(
        "something answers, and not with the protocol's replies: another program version, a stub, or a proxy",
        (WHAT_LISTENS, (GATEWAY, "which expert advisor or gateway is it, and does it speak protocol 4.3?")),
    ),
    "connection-lost": Advice(
        "the connection ended instead of a reply: the gateway crashed on the request, or sent more than 1 MiB",
        (READ_THE_LOG, EXPERTS),
    ),
    "terminal-not-there": Advice(
        "the gateway runs and reaches no terminal",
        (MT5_RUNS, (TERMINAL, "log in to the account; the connection's state is at the bottom right")),
    ),
    "refused": Advice("the gateway answers with an error; an error is not a sign of health", (READ_THE_LOG,)),
    "base-protocol": Advice(
        "a valid gateway without the evidence profile: no fill can be proven through it",
        ((GATEWAY, "run `mt5canary serve` beside the terminal"), (PLAN, "waive: leaves criteria UNPROVEN, not passed")),
    ),
    "wrong-identity": Advice(
        "what answers is not what the plan expects: another terminal, account or broker",
        ((TERMINAL, "log in to the plan's account"), (PLAN, "or correct account: {{...}} and terminal:")),
    ),
    "terminal-disconnected": Advice(
        "the terminal runs and has no connection to its broker",
        ((TERMINAL, "bottom right: rescan servers, log in again"), (GATEWAY, "has it a way to the internet?")),
    ),
    "may-not-trade": Advice(
        "the terminal is connected and would refuse an order",
        (
            (TERMINAL, "press Algo Trading; Tools > Options > Expert Advisors: allow algorithmic trading"),
            (
                TERMINAL,
                "log in with the master password, not the investor's; ask the broker if the account is read-only",
            ),
        ),
    ),
    "halted": Advice(
        "the gateway was halted on purpose and refuses every order until it is resumed",
        ((HERE, "read why, then: mt5canary reset --reason TEXT --by NAME"),),
    ),
    "clock": Advice(
        "the clocks are too far apart: signatures expire and times cannot be compared",
        ((GATEWAY, "w32tm /query /status, then w32tm /resync"), (HERE, "timedatectl status")),
    ),
    "latency": Advice("{detail}", ((GATEWAY, "{mend}"),)),
    "market-closed": Advice(
        "the symbol's session is closed: nothing moves, so nothing shows that the market behind it lives",
        ((PLAN, "wait for the session, or name a symbol that is traded now"),),
    ),
    "market-still": Advice(
        "the session is open and the quote does not move: a stub's constant price looks so, and so does a terminal "
        "that lost its feed",
        ((TERMINAL, "does the symbol move in Market Watch? right click > Show All"), MT5_RUNS),
    ),
    "server-time": Advice(
        "quotes move with times that no trade server's zone explains: old quotes, or a wrong clock",
        ((TERMINAL, "compare the time in Market Watch with UTC"), (GATEWAY, "w32tm /query /status")),
    ),
}
"""Every trouble that a diagnosis can end with."""
