{{- define "emotivoice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "emotivoice.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "emotivoice.name" .) .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name (include "emotivoice.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "emotivoice.selector" -}}
app.kubernetes.io/name: {{ include "emotivoice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "emotivoice.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "emotivoice.selector" . }}
{{- end }}

{{/* whether gateways have workers behind a Redis */}}
{{- define "emotivoice.shared" -}}
{{- if or .Values.redis.url .Values.redis.existingSecret }}yes{{ end }}
{{- end }}

{{/* who makes the speech, and so grows */}}
{{- define "emotivoice.maker" -}}
{{- if include "emotivoice.shared" . }}worker{{ else }}gateway{{ end }}
{{- end }}

{{- define "emotivoice.claim" -}}
{{- default (printf "%s-data" (include "emotivoice.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{/* what a pod of either kind is: dict "root" $ "values" (of its kind) "component" "gateway"|"worker" "command" "serve"|"worker" */}}
{{- define "emotivoice.pod" -}}
{{- $root := .root }}
metadata:
  labels:
    {{- include "emotivoice.selector" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
  annotations:
    checksum/settings: {{ include (print $root.Template.BasePath "/configmap.yaml") $root | sha256sum }}
spec:
  serviceAccountName: {{ include "emotivoice.fullname" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 2 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "emotivoice.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
  containers:
  - name: {{ .component }}
    image: {{ printf "%s:%s" $root.Values.image.repository (default $root.Chart.AppVersion $root.Values.image.tag) | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args: [{{ .command }}]
    envFrom:
    - configMapRef: {name: {{ include "emotivoice.fullname" $root }}}
    env:
    {{- if eq .component "gateway" }}
    {{- with .values.trustedProxies }}
    - {name: EMOTIVOICE_TRUSTED_PROXIES, value: {{ . | quote }}}
    {{- end }}
    {{- with .values.hosts }}
    - {name: EMOTIVOICE_HOSTS, value: {{ . | quote }}}
    {{- end }}
    {{- if $root.Values.keys.existingSecret }}
    - {name: EMOTIVOICE_KEYS_FILE, value: /etc/emotivoice/keys}
    {{- end }}
    {{- else }}
    # who may ask is the gateways' to say: a worker has no keys, and nobody asks it
    - {name: EMOTIVOICE_ANONYMOUS, value: "on"}
    {{- end }}
    {{- if $root.Values.redis.existingSecret }}
    - name: EMOTIVOICE_REDIS
      valueFrom: {secretKeyRef: {name: {{ $root.Values.redis.existingSecret }}, key: redis-url}}
    {{- else if $root.Values.redis.url }}
    - {name: EMOTIVOICE_REDIS, value: {{ $root.Values.redis.url | quote }}}
    {{- end }}
    - {name: EMOTIVOICE_LISTEN, value: "0.0.0.0:8080"}
    - {name: EMOTIVOICE_ADMIN_LISTEN, value: "0.0.0.0:9090"}
    {{- if $root.Values.store.url }}
    - {name: EMOTIVOICE_STORE, value: {{ $root.Values.store.url | quote }}}
    - name: EMOTIVOICE_STORE_ACCESS_KEY
      valueFrom: {secretKeyRef: {name: {{ $root.Values.store.existingSecret }}, key: access-key}}
    - name: EMOTIVOICE_STORE_SECRET_KEY
      valueFrom: {secretKeyRef: {name: {{ $root.Values.store.existingSecret }}, key: secret-key}}
    {{- end }}
    {{- if $root.Values.persistence.enabled }}
    - {name: EMOTIVOICE_DATA_DIR, value: /var/lib/emotivoice}
    {{- else }}
    - {name: EMOTIVOICE_DATA_DIR, value: ""}
    {{- end }}
    ports:
    {{- if eq .component "gateway" }}
    - {name: http, containerPort: 8080}
    {{- end }}
    - {name: admin, containerPort: 9090}
    startupProbe:
      httpGet: {path: /healthz, port: admin}
      periodSeconds: 1
      failureThreshold: 120
    livenessProbe:
      httpGet: {path: /healthz, port: admin}
      periodSeconds: 10
      timeoutSeconds: 3
    readinessProbe:
      httpGet: {path: /readyz, port: admin}
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 1
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    {{- with .values.resources }}
    resources: {{- toYaml . | nindent 6 }}
    {{- end }}
    volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: data, mountPath: /var/lib/emotivoice}
    {{- if and (eq .component "gateway") $root.Values.keys.existingSecret }}
    - {name: keys, mountPath: /etc/emotivoice, readOnly: true}
    {{- end }}
  volumes:
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  - name: data
    {{- if $root.Values.persistence.enabled }}
    persistentVolumeClaim: {claimName: {{ include "emotivoice.claim" $root }}}
    {{- else }}
    emptyDir: {}
    {{- end }}
  {{- if and (eq .component "gateway") $root.Values.keys.existingSecret }}
  - name: keys
    secret:
      secretName: {{ $root.Values.keys.existingSecret }}
      items: [{key: keys, path: keys}]
  {{- end }}
  {{- with .values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.tolerations }}
  tolerations: {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* dict "root" $ "values" (of its kind) "component" ... "command" ... */}}
{{- define "emotivoice.deployment" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "emotivoice.fullname" $root }}-{{ .component }}
  labels:
    {{- include "emotivoice.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- if not (and (ne $root.Values.autoscaling.kind "none") (eq .component (include "emotivoice.maker" $root))) }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    {{- if and $root.Values.persistence.enabled (not (has "ReadWriteMany" $root.Values.persistence.accessModes)) }}
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
    {{- end }}
  selector:
    matchLabels:
      {{- include "emotivoice.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  template: {{- include "emotivoice.pod" . | nindent 4 }}
---
{{- if .values.pdb.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "emotivoice.fullname" $root }}-{{ .component }}
  labels:
    {{- include "emotivoice.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  maxUnavailable: {{ .values.pdb.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "emotivoice.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- end }}
