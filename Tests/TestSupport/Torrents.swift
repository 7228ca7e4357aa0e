import Bytes
import Digest
import Glibc
import Metainfo

/// A file to make: its path under the torrent's folder and how many bytes it has.
public struct TestFile: Sendable {
  /// Where it lies under the torrent's folder.
  public let path: String
  /// Bytes of content.
  public let length: Int
  /// Whether it may be run.
  public let isExecutable: Bool
  /// What a symbolic link points to; the file has no content then.
  public let target: String?

  /// A file of `length` bytes.
  public init(_ path: String, _ length: Int, isExecutable: Bool = false) {
    self.path = path
    self.length = length
    self.isExecutable = isExecutable
    target = nil
  }

  /// A symbolic link.
  public init(_ path: String, linkTo target: String) {
    self.path = path
    self.length = 0
    isExecutable = false
    self.target = target
  }

  /// The content: a sequence that depends on the path, the same everywhere.
  public var bytes: [UInt8] {
    var state = path.utf8.reduce(UInt32(0)) { $0 &* 31 &+ UInt32($1) }
    return [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      for index in 0..<length {
        state = state &* 1_664_525 &+ 1_013_904_223
        buffer[index] = UInt8(truncatingIfNeeded: state >> 24)
      }
      count = length
    }
  }
}

/// A folder with content in a temporary folder of its own, which goes away with this object.
public final class ContentFolder: Sendable {
  /// The temporary folder: what a download folder would be.
  public let directory: String
  /// The folder or, for a single file without a folder, the file.
  public let path: String
  /// What was made.
  public let files: [TestFile]

  /// Makes `files` in a folder `name`; one file with an empty path makes just that file.
  public init(name: String = "content", files: [TestFile]) throws {
    self.files = files
    var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("cannot make a temporary folder") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    path = directory + "/" + name
    if files.contains(where: { !$0.path.isEmpty }) { mkdir(path, 0o755) }
    for file in files {
      let place = file.path.isEmpty ? path : path + "/" + file.path
      try Self.makeFolders(of: place)
      if let target = file.target {
        guard symlink(target, place) == 0 else { throw TestFailure("cannot link \(place)") }
      } else {
        try Self.write(file.bytes, to: place, mode: file.isExecutable ? 0o755 : 0o644)
      }
    }
  }

  deinit {
    Self.remove(directory)
  }

  private static func remove(_ path: String) {
    if unlink(path) == 0 { return }
    if let stream = opendir(path) {
      defer { closedir(stream) }
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) {
          String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { remove(path + "/" + name) }
      }
    }
    rmdir(path)
  }

  /// Makes the torrent of the content.
  public func torrent(
    _ version: TorrentVersion, pieceLength: Int? = nil,
    change: (inout TorrentCreation.Options) -> Void = { _ in }
  ) throws -> Metainfo {
    var options = TorrentCreation.Options()
    options.version = version
    options.pieceLength = pieceLength
    change(&options)
    return try TorrentCreation.run(path: path, options: options, threads: 2)
  }

  /// Where a file of a torrent lies.
  public func location(_ file: File) -> String { ([directory] + file.path).joined(separator: "/") }

  /// The bytes of a piece as they travel.
  public func piece(_ piece: Int, of info: Info) -> [UInt8] {
    var bytes: [UInt8] = []
    for segment in info.segments(piece: piece, offset: 0, length: info.pieceSize(piece)) {
      if segment.isPadding {
        bytes += [UInt8](repeating: 0, count: segment.length)
      } else {
        let path = info.files[segment.file].path.dropFirst().joined(separator: "/")
        guard let file = files.first(where: { $0.path == path }) else { continue }
        let start = Int(segment.fileOffset)
        bytes += file.bytes[start..<start + segment.length]
      }
    }
    return bytes
  }

  /// Writes a file anew.
  public static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws {
    let descriptor = creat(path, mode)
    guard descriptor >= 0 else { throw TestFailure("cannot write \(path)") }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { throw TestFailure("cannot write \(path)") }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads a whole file.
  public static func read(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { throw TestFailure("cannot read \(path)") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = part.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      guard count >= 0 else { throw TestFailure("cannot read \(path)") }
      if count == 0 { return bytes }
      bytes += part[..<count]
    }
  }

  private static func makeFolders(of place: String) throws {
    var path = ""
    for component in place.split(separator: "/").dropLast() {
      path += "/" + component
      guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
        throw TestFailure("cannot make \(path)")
      }
    }
  }
}
