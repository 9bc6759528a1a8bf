#!/bin/sh
# hauberk's link in this node's chain of CNI plugins. It asks the node's agent (DaemonSet hauberk-cni) to lead a starting pod's
# connections to its proxy, and waits for the answer. The agent writes this file, and takes the link out of the chain when it ends;
# the file stays, for whoever read the chain a moment before.
set -u
umask 077
run_folder='@RUN_FOLDER@'
# Namespaces whose pods start without asking: the agent itself may depend on them.
never='@NEVER@'
looks=300 # 0.1 s apart; kubelet's own patience is four minutes

# Codes below 100 are the specification's: 4 wrong environment, 7 wrong configuration, 11 try again later.
fail() {
  printf '{"cniVersion":"1.0.0","code":%s,"msg":"hauberk-cni: %s"}\n' "$1" "$2"
  exit 1
}

# What the links before this one made, which is ours to hand on as it is: the value of the object's own member prevResult.
previous_result() {
  awk '
    { text = text $0 "\n" }
    END {
      for (at = 1; at <= length(text); at++) {
        c = substr(text, at, 1)
        if (inside) {
          if (c == "\\") at++
          else if (c == "\"") { inside = 0; if (depth == 1) word = substr(text, opened, at - opened) }
        }
        else if (c == "\"") { inside = 1; opened = at + 1 }
        else if (c == "{" || c == "[") { depth++; if (wanted && depth == 2) start = at }
        else if (c == "}" || c == "]") {
          depth--
          if (start && depth == 1) { print substr(text, start, at - start + 1); exit }
        }
        else if (c == ":" && depth == 1) wanted = (word == "prevResult")
      }
    }'
}

case ${CNI_COMMAND:-} in
  ADD) ;;
  VERSION)
    echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}'
    exit 0
    ;;
  *) exit 0 ;; # the rules go with the pod
esac

result=$(previous_result)
[ -n "$result" ] || fail 7 'there is no prevResult; this plugin belongs behind one that makes the network'

arguments=${CNI_ARGS:-}
namespace=${arguments#*K8S_POD_NAMESPACE=}
namespace=${namespace%%;*}
case " $never " in *" $namespace "*) asked=no ;; *) asked=yes ;; esac
# Not everything that a node runs is a pod of Kubernetes.
case $arguments in *K8S_POD_NAMESPACE=*) ;; *) asked=no ;; esac

if [ "$asked" = yes ]; then
  name=${CNI_CONTAINERID:-}-${CNI_IFNAME:-}
  case $name in -* | .* | *[!A-Za-z0-9_.-]*) fail 4 'CNI_CONTAINERID or CNI_IFNAME is not as the specification says' ;; esac
  request=$run_folder/requests/$name
  answer=$run_folder/answers/$name
  rm -f "$answer"
  { printf '%s\n%s\n' "${CNI_NETNS:-}" "$arguments" >"$request.new" && mv "$request.new" "$request"; } 2>/dev/null ||
    fail 11 "nothing can be written in $run_folder; see why the pod of the DaemonSet hauberk-cni on this node does not run"
  look=0
  until [ -e "$answer" ]; do
    look=$((look + 1))
    if [ "$look" -gt "$looks" ]; then
      rm -f "$request"
      fail 11 'the pod of the DaemonSet hauberk-cni on this node does not answer; see why'
    fi
    sleep 0.1 2>/dev/null || sleep 1
  done
  read -r outcome <"$answer"
  if [ "$outcome" != done ]; then
    sed 1d "$answer"
    rm -f "$answer"
    exit 1
  fi
  rm -f "$answer"
fi
printf '%s\n' "$result"
