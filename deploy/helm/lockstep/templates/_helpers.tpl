{{- define "lockstep.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lockstep.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lockstep.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "lockstep.selector" . }}
{{- end -}}

{{- define "lockstep.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "lockstep.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The settings: those of the values, and the places that the chart decides. */}}
{{- define "lockstep.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "listen" "0.0.0.0:7300" -}}
{{- $_ := set $config "http_listen" "0.0.0.0:7301" -}}
{{- $_ := set $config "cache_dir" "/var/cache/lockstep" -}}
{{- if .Values.store.disabled -}}
{{- $_ := set $config "store" "none" -}}
{{- else if .Values.store.persistence.enabled -}}
{{- $_ := set $config "data_dir" "/var/lib/lockstep" -}}
{{- end -}}
{{- if .Values.tls.existingSecret -}}
{{- $_ := set $config "tls_cert" "/etc/lockstep/tls/tls.crt" -}}
{{- $_ := set $config "tls_key" "/etc/lockstep/tls/tls.key" -}}
{{- if .Values.tls.clientCA -}}
{{- $_ := set $config "tls_client_ca" "/etc/lockstep/tls/ca.crt" -}}
{{- end -}}
{{- end -}}
{{- if .Values.tokens.existingSecret -}}
{{- $_ := set $config "tokens_file" "/etc/lockstep/tokens/tokens.yaml" -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
