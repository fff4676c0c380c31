"""Notifications as Alertmanager sends them: same members, same order, escapes
and lengths, about 550 bytes an alert, any number of alerts."""
import json


def notification(alerts, who="0000"):
    """The body with so many alerts. `who` is part of every alert's identity:
    tests/bench/load puts another number there for each connection."""
    common = {"alertname": "HighMemoryUsage", "job": "node",
              "severity": "critical"}

    def alert(i):
        instance = f"10.{who}.{i // 250}.{i % 250}:9100"
        return {
            "status": "firing",
            "labels": {"alertname": "HighMemoryUsage",
                       "instance": instance, "job": "node",
                       "severity": "critical"},
            "annotations": {
                "description": f"Memory usage on {instance} has been above 90% "
                               "for more than 5 minutes.",
                "summary": f"Instance {instance} has high memory usage"},
            "startsAt": "2026-11-24T02:42:49.349796Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prom.example:9090/graph?g0.expr=node_memory"
                            "_Active_bytes+%2F+node_memory_MemTotal_bytes+%3E+"
                            "0.9\\u0026g0.tab=1",
            "fingerprint": f"5a05{who}{i:08x}"}

    body = {
        "receiver": "web\\.hook", "status": "firing",
        "alerts": [alert(i) for i in range(alerts)],
        "groupLabels": {"alertname": "HighMemoryUsage"},
        "commonLabels": common, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093", "version": "4",
        "groupKey": '{}:{alertname="HighMemoryUsage"}', "truncatedAlerts": 0}
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return text.replace("\\\\u0026", "\\u0026") + "\n"


def request(alerts):
    body = notification(alerts, "@@@@").encode()
    return (b"POST /webhook HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n"
            b"User-Agent: Alertmanager/0.25.0\r\n"
            b"Content-Length: %d\r\nContent-Type: application/json\r\n\r\n"
            % len(body)) + body
