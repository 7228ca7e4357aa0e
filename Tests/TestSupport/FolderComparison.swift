import Foundation

/// What differs between two files or folders, one line a difference; empty if the contents are equal.
///
/// Names, kinds and every byte count; times and permissions do not. What `actual` has under names that
/// end with one of `ignoring` does not count either: pad files of clients that store them, and state.
/// Without `emptyFiles`, files of no bytes may be missing.
public func differences(
  _ actual: String, from expected: String, ignoring: [String] = [], emptyFiles: Bool = true
) throws -> [String] {
  let isIgnored = { (path: String) in
    path.split(separator: "/").contains { name in ignoring.contains { name.hasSuffix($0) } }
  }
  let wanted = try listing(expected).filter { path, kind in
    if isIgnored(path) { return false }
    return emptyFiles || kind != .file || (try? readSize(join(expected, path))) != 0
  }
  let found = try listing(actual).filter { !isIgnored($0.key) }
  var result: [String] = []
  for path in Set(wanted.keys).union(found.keys).sorted() {
    switch (wanted[path], found[path]) {
    case (.some, nil): result.append("missing: \(path)")
    case (nil, .some): result.append("unexpected: \(path)")
    case (let kind?, let other?) where kind != other: result.append("\(path) is a \(other), not a \(kind)")
    case (.file, .file):
      if let offset = try firstDifference(join(actual, path), join(expected, path)) {
        result.append("\(path) differs at byte \(offset)")
      }
    default: break
    }
  }
  return result
}

private enum Kind: Equatable {
  case file
  case folder
  case link(String)
}

private func join(_ folder: String, _ path: String) -> String { path.isEmpty ? folder : folder + "/" + path }

private func listing(_ path: String) throws -> [String: Kind] {
  let manager = FileManager.default
  var isFolder: ObjCBool = false
  guard manager.fileExists(atPath: path, isDirectory: &isFolder) else {
    throw TestFailure("there is no \(path)")
  }
  guard isFolder.boolValue else { return ["": .file] }
  var result: [String: Kind] = [:]
  for name in try manager.subpathsOfDirectory(atPath: path) {
    let full = path + "/" + name
    let attributes = try manager.attributesOfItem(atPath: full)
    switch attributes[.type] as? FileAttributeType {
    case .typeDirectory: result[name] = .folder
    case .typeSymbolicLink: result[name] = .link(try manager.destinationOfSymbolicLink(atPath: full))
    default: result[name] = .file
    }
  }
  return result
}

private func readSize(_ path: String) throws -> Int {
  try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
}

private func firstDifference(_ one: String, _ other: String) throws -> Int? {
  guard let a = FileHandle(forReadingAtPath: one), let b = FileHandle(forReadingAtPath: other) else {
    throw TestFailure("cannot open \(one) or \(other)")
  }
  var offset = 0
  while true {
    let left = try a.read(upToCount: 4 << 20) ?? Data()
    let right = try b.read(upToCount: 4 << 20) ?? Data()
    if left != right {
      return offset
        + (zip(left, right).enumerated().first { $0.1.0 != $0.1.1 }?.offset ?? min(left.count, right.count))
    }
    if left.isEmpty { return nil }
    offset += left.count
  }
}
