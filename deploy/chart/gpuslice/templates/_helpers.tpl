{{/* Labels of every object. */}}
{{- define "gpuslice.labels" -}}
app.kubernetes.io/part-of: gpuslice
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* What a user's plain file has (deploy/NAME.yaml is files/NAME.yaml here), in the release's namespace:
dict "root" $ "file" NAME "without" [kinds]. A namespace is helm's to make. */}}
{{- define "gpuslice.plain" -}}
{{- $root := .root }}
{{- $without := append (.without | default list) "Namespace" }}
{{- $text := $root.Files.Get (printf "files/%s.yaml" .file) | required (printf "files/%s.yaml is not in the chart" .file) }}
{{- range $part := regexSplit "(?m)^---\\s*$" ($text | replace "gpuslice-system" $root.Release.Namespace) -1 }}
{{- $object := fromYaml $part }}
{{- if hasKey $object "Error" }}{{ fail $object.Error }}{{ end }}
{{- if and $object.kind (not (has $object.kind $without)) }}
{{- $labels := merge (dict) ($object.metadata.labels | default dict) (include "gpuslice.labels" $root | fromYaml) }}
{{- $_ := set $object.metadata "labels" $labels }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}

{{/* dict "root" $ "name" NAME */}}
{{- define "gpuslice.image" -}}
{{ .root.Values.image.registry }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}
