"""The server answers while jobs run, and is quick about it. Figures are told, never judged."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx


def timed(client, method, path, n=100, **more):
    took = []
    for _ in range(n):
        began = time.perf_counter()
        assert client.request(method, path, **more).status_code < 400
        took.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(took):.1f} ms median, {sorted(took)[int(n * 0.95)]:.1f} ms p95"


def test_searches_are_answered_while_a_job_of_the_index_runs_invariant_09(api, wait_until, remark):
    from syncline import Syncline

    source = api.home / "big_source.py"
    source.write_text(
        "import time\nfrom syncline import Document, source\n\n@source('big')\ndef big(config):\n"
        "    for n in range(1_000_000):\n        yield Document(f'd{n}', text=f'needle{n % 50} and more words {n}')\n"
        "        if n > 3000:\n            time.sleep(0.001)\n"
    )
    with Syncline(api.settings.data_dir) as beside:
        beside.add_connector(f"{source}:big", {}, name="big", index="big")
    job = api.ok("POST", "/v1/connectors/big/sync", 202)["job"]
    wait_until(lambda: api.ok("GET", "/v1/indexes/big/stats")["documents"] > 3000)
    body = {"query": "needle7", "index": "big"}
    remark(f"api: search while a job fills the index: {timed(api.client, 'POST', '/v1/search', json=body)}")
    assert api.ok("GET", f"/v1/jobs/{job['id']}")["state"] == "running"
    api.ok("POST", f"/v1/jobs/{job['id']}/stop", 202)
    ended = api.ended(job["id"])
    found = api.ok("POST", "/v1/search", json={"index": "big"})
    assert found["total"] == ended["inserted"], "what an ended job wrote is found at once"


def test_figures_of_simple_requests(api, remark):
    api.push_connector("quick")
    remark(f"api: one connector: {timed(api.client, 'GET', '/v1/connectors/quick')}")
    remark(f"api: health: {timed(api.client, 'GET', '/healthz')}")
    body = {"documents": [{"id": f"d{n}", "text": f"text {n}"} for n in range(100)]}
    remark(f"api: push of 100 documents: {timed(api.client, 'POST', '/v1/connectors/quick/documents', 20, json=body)}")
    with ThreadPoolExecutor(8) as pool, httpx.Client(base_url=api.url, headers=api.client.headers) as client:
        began = time.perf_counter()
        answers = list(pool.map(lambda _: client.get("/v1/connectors/quick").status_code, range(400)))
        took = time.perf_counter() - began
    assert set(answers) == {200}
    remark(f"api: {400 / took:.0f} requests a second from 8 clients")


def test_figures_of_the_start(tmp_path, remark):
    program = (
        "import time; began = time.perf_counter()\n"
        "from syncline.server.app import create_app; imported = time.perf_counter()\n"
        "from syncline.server.house import House; from syncline.server.settings import Settings\n"
        "house = House(Settings('state')); app = create_app(house); made = time.perf_counter()\n"
        "import sys\n"
        "assert 'tantivy' not in sys.modules and 'syncline.server.schemas' not in sys.modules\n"
        "print(f'{imported - began:.2f} s to import, {made - imported:.2f} s to make')"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    remark(f"api: {ran.stdout.strip()}")
