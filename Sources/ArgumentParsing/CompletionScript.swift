/// The shells that completions can be made for.
enum Shell: String, CaseIterable {
  case bash
  case zsh
  case fish
}

extension Program {
  /// A script that teaches `shell` the program's commands, options and kinds of value.
  func completionScript(for shell: Shell) -> String {
    switch shell {
    case .bash: bashScript()
    case .zsh: zshScript()
    case .fish: fishScript()
    }
  }

  private func visible(_ command: any Command.Type) -> [ParameterDescription] {
    rows(of: command).map(\.description).filter { !$0.isHidden }
  }

  private var names: [String] { commands.map { $0.name } + ["help"] }

  // MARK: bash

  private func bashScript() -> String {
    var script = """
      # bash completion for \(name)
      _\(name)() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
        COMPREPLY=()
        if ((COMP_CWORD == 1)); then
          COMPREPLY=($(compgen -W '\((names + ["--help", "--version"]).joined(separator: " "))' -- "$current"))
          return
        fi
        case ${COMP_WORDS[1]} in
          help) COMPREPLY=($(compgen -W '\(names.joined(separator: " "))' -- "$current")) ;;

      """
    for command in commands {
      let table = visible(command)
      script += "    \(command.name))\n      case $previous in\n"
      for row in table where row.kind == .option {
        script += "        \(row.names.joined(separator: "|"))) \(bashAction(row.completion)); return ;;\n"
      }
      script += "        *) ;;\n      esac\n"
      let options = (table.flatMap(\.names) + ["--help"]).joined(separator: " ")
      script += "      if [[ $current == -* ]]; then\n"
      script += "        COMPREPLY=($(compgen -W '\(options)' -- \"$current\"))\n      else\n"
      let argument = table.first { $0.kind == .argument }
      script += "        \(bashAction(argument?.completion ?? .none))\n      fi ;;\n"
    }
    return script + "  esac\n}\ncomplete -o filenames -F _\(name) \(name)\n"
  }

  private func bashAction(_ completion: Completion) -> String {
    switch completion {
    case .none: "COMPREPLY=()"
    case .files(nil): "COMPREPLY=($(compgen -f -- \"$current\"))"
    case .files(let suffix?):
      "COMPREPLY=($(compgen -d -- \"$current\") $(compgen -f -X '!*.\(suffix)' -- \"$current\"))"
    case .directories: "COMPREPLY=($(compgen -d -- \"$current\"))"
    case .choices(let words):
      "COMPREPLY=($(compgen -W '\(words.joined(separator: " "))' -- \"$current\"))"
    }
  }

  // MARK: zsh

  private func zshScript() -> String {
    var script = "#compdef \(name)\n_\(name)() {\n  local -a commands\n  commands=(\n"
    for command in commands { script += "    '\(command.name):\(quoted(command.summary))'\n" }
    script += "    'help:Show help.'\n  )\n"
    script += "  if ((CURRENT == 2)); then\n    _describe command commands\n    return\n  fi\n"
    script += "  local command=$words[2]\n  shift words\n  ((CURRENT--))\n  case $command in\n"
    script += "    help) _describe command commands ;;\n"
    for command in commands {
      script += "    \(command.name))\n      _arguments -s"
      for row in visible(command) {
        let text = quoted(row.help).replacing("[", with: "(").replacing("]", with: ")")
        if row.kind == .argument {
          script += " \\\n        '\(row.isRepeated ? "*" : ""):\(row.value):\(zshAction(row.completion))'"
          continue
        }
        let value = row.kind == .option ? ":\(row.value):\(zshAction(row.completion))" : ""
        for option in row.names {
          script += " \\\n        '\(row.isRepeated ? "*" : "")\(option)[\(text)]\(value)'"
        }
      }
      script += " \\\n        '--help[Show this help.]' ;;\n"
    }
    return script + "  esac\n}\n_\(name) \"$@\"\n"
  }

  private func zshAction(_ completion: Completion) -> String {
    switch completion {
    case .none: " "
    case .files(nil): "_files"
    case .files(let suffix?): "_files -g \"*.\(suffix)(-.)\""
    case .directories: "_files -/"
    case .choices(let words): "(\(words.joined(separator: " ")))"
    }
  }

  // MARK: fish

  private func fishScript() -> String {
    var script = "# fish completion for \(name)\ncomplete -c \(name) -f\n"
    for command in commands {
      script +=
        "complete -c \(name) -n __fish_use_subcommand -a \(command.name) -d '\(quoted(command.summary))'\n"
    }
    script += "complete -c \(name) -n __fish_use_subcommand -a help -d 'Show help.'\n"
    script +=
      "complete -c \(name) -n '__fish_seen_subcommand_from help' -a '\(names.joined(separator: " "))'\n"
    for command in commands {
      let start = "complete -c \(name) -n '__fish_seen_subcommand_from \(command.name)'"
      for row in visible(command) {
        let options = row.names.map { $0.hasPrefix("--") ? "-l \($0.dropFirst(2))" : "-s \($0.dropFirst())" }
        let value = row.kind == .flag ? "" : fishAction(row.completion, isOption: row.kind == .option)
        let words = [start] + options + [value, row.kind == .argument ? "" : "-d '\(quoted(row.help))'"]
        script += words.filter { !$0.isEmpty }.joined(separator: " ") + "\n"
      }
    }
    return script
  }

  private func fishAction(_ completion: Completion, isOption: Bool) -> String {
    let required = isOption ? "-r " : ""
    switch completion {
    case .none: return isOption ? "-x" : ""
    case .files(nil): return required + "-F"
    case .files(let suffix?): return required + "-k -a '(__fish_complete_suffix .\(suffix))'"
    case .directories: return required + "-a '(__fish_complete_directories)'"
    case .choices(let words): return (isOption ? "-x " : "") + "-a '\(words.joined(separator: " "))'"
    }
  }

  private func quoted(_ text: String) -> String { text.replacing("'", with: "").replacing(":", with: "\\:") }
}
