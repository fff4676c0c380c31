"""The receiver that one writes in ten lines of Flask: a line for each alert.

    python3 receiver.py PORT        Flask's development server
    gunicorn receiver:app           or behind gunicorn
"""
import sys

import flask.cli
from flask import Flask, request

app = Flask(__name__)


@app.post("/webhook")
def webhook():
    alerts = request.get_json()["alerts"]
    for a in alerts:
        labels = a["labels"]
        rest = ",".join(f'{k}="{v}"' for k, v in labels.items()
                        if k not in ("alertname", "severity"))
        print(a["startsAt"], a["status"].upper(), labels.get("severity", "-"),
              f'{labels.get("alertname", "-")}{{{rest}}}',
              a["annotations"].get("summary", ""))
    sys.stdout.flush()  # nobody gets a 200 for a line that could be lost
    return f"accepted {len(alerts)} alerts\n"


if __name__ == "__main__":
    flask.cli.show_server_banner = lambda *_: None  # lines of its own
    app.run(port=int(sys.argv[1]))
