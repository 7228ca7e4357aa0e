import ArgumentParsing
import BitTorrent
import Metainfo

/// What `--priority` takes: `*.flac=high`.
struct PriorityRule: ArgumentValue, Equatable {
  /// Matches the paths of files.
  let pattern: String
  /// What they get.
  let priority: FilePriority

  /// Reads a pattern and a level with a `=` between them; the last one counts.
  init(argument: String) throws(ValueError) {
    guard let split = argument.lastIndex(of: "="), split > argument.startIndex,
      let priority = Self.levels[String(argument[argument.index(after: split)...])]
    else { throw ValueError("is no pattern and priority such as '*.flac=high' (high, normal or low)") }
    pattern = String(argument[..<split])
    self.priority = priority
  }

  /// The same form.
  var argumentText: String {
    "\(pattern)=\(Self.levels.first { $0.value == priority }?.key ?? "normal")"
  }

  private static let levels: [String: FilePriority] = ["high": .high, "normal": .normal, "low": .low]
}

extension PriorityRule {
  /// What each file of a torrent gets; `nil` if all are as usual.
  ///
  /// - Parameters:
  ///   - info: the torrent.
  ///   - select: patterns of the files that are wanted; all if empty.
  ///   - rules: for those; the last that matches counts.
  /// - Returns: one for each file.
  /// - Throws: if nothing is left to download, or a rule is for nothing.
  static func priorities(
    _ info: Info, select: [String], rules: [PriorityRule]
  ) throws(Failure) -> [FilePriority]? {
    guard !select.isEmpty || !rules.isEmpty else { return nil }
    let priorities = info.files.map { file -> FilePriority in
      guard !file.isPadding,
        select.isEmpty || select.contains(where: { FileSystem.matches($0, file.path) })
      else { return .unwanted }
      return rules.last { FileSystem.matches($0.pattern, file.path) }?.priority ?? .normal
    }
    guard priorities.contains(where: { $0 != .unwanted }) else {
      throw Failure("no file of '\(info.name)' matches \(quoted(select)); 'apus show' lists its files")
    }
    let idle = rules.filter { rule in
      !zip(info.files, priorities).contains { file, priority in
        priority != .unwanted && FileSystem.matches(rule.pattern, file.path)
      }
    }
    guard idle.isEmpty else {
      let patterns = quoted(idle.map(\.pattern))
      throw Failure("--priority: no chosen file of '\(info.name)' matches \(patterns)")
    }
    return priorities
  }

  private static func quoted(_ patterns: [String]) -> String {
    patterns.map { "'\($0)'" }.joined(separator: ", ")
  }
}
