import Foundation

/// A folder that a test may fill as it likes; it is removed by ``withTemporaryFolder(_:)``.
public struct TemporaryFolder: Sendable {
  /// The absolute path of the folder.
  public let path: String

  /// The path of `name` inside of the folder, whether it exists or not.
  public subscript(name: String) -> String { path + "/" + name }

  /// Makes a sub-folder (and its parents) and returns its path.
  public func folder(_ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: self[name], withIntermediateDirectories: true)
    return self[name]
  }

  /// Writes a file in the folder and returns its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    try writeFile(bytes, self[name])
    return self[name]
  }

  /// Writes a file of zeros, and the folders above it.
  public static func writeZeros(_ count: Int, to path: String) throws {
    let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    try writeFile([UInt8](repeating: 0, count: count), path)
  }

  static func make() throws -> TemporaryFolder {
    var template = Array((temporaryRoot + "/apus-test-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(String(cString: strerror(errno)))") }
    // Programs that give up their privileges must still find their files.
    chmod(template, 0o755)
    return TemporaryFolder(path: String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self))
  }

  /// Files live in memory where that is possible: these tests are about programs, not disks.
  private static let temporaryRoot =
    ProcessInfo.processInfo.environment["TMPDIR"]
    ?? (access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp")
}

/// Runs `body` with a new folder and removes it afterwards, whatever happens.
public func withTemporaryFolder<Result>(_ body: (TemporaryFolder) async throws -> Result) async throws
  -> Result
{
  let folder = try TemporaryFolder.make()
  defer { try? FileManager.default.removeItem(atPath: folder.path) }
  return try await body(folder)
}

/// Writes a whole file.
public func writeFile(_ bytes: [UInt8], _ path: String) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// Reads a whole file.
public func readFile(_ path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}
