internal import Glibc

/// A file as it was found on disk.
struct SourceFile {
  /// Components under the folder; none if a single file is shared.
  let path: [[UInt8]]
  /// Where it is.
  let location: String
  let length: Int64
  let isExecutable: Bool
  /// Components of a link's target under the folder.
  let linkTarget: [[UInt8]]?
  let stamp: FileStamp
}

/// What tells whether a file has changed.
struct FileStamp: Equatable {
  let size: Int64
  let seconds: Int
  let nanoseconds: Int

  init(_ status: stat) {
    size = Int64(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}

/// The files to share, in the order of their paths' bytes.
struct SourceFolder {
  private(set) var files: [SourceFile] = []
  private(set) var name: [UInt8] = []
  private(set) var isFolder = false
  private var root = ""
  private let limit = MetainfoLimits.standard.maximumFiles
  private let depthLimit = MetainfoLimits.standard.maximumPathComponents

  /// Finds what is at `path`; a link there is followed.
  mutating func read(_ path: String) throws(CreationError) {
    guard let real = PathResolution.realPath(path) else { throw .system(path) }
    root = real
    let last = path.utf8.split(separator: UInt8(ascii: "/")).last.map { [UInt8]($0) } ?? []
    // The name as it was given, unless it says nothing.
    let isNamed = !last.isEmpty && last != [UInt8](".".utf8) && last != [UInt8]("..".utf8)
    name =
      isNamed ? last : real.utf8.split(separator: UInt8(ascii: "/")).last.map { [UInt8]($0) } ?? []
    guard !name.isEmpty, SafeName.first(name).utf8.elementsEqual(name) else {
      throw .unsafeName(path: path)
    }
    var status = stat()
    guard unsafe stat(real, &status) == 0 else { throw .system(path) }
    switch status.st_mode & S_IFMT {
    case S_IFDIR:
      isFolder = true
      try walk([], location: path)
    case S_IFREG: try append([], location: path, status)
    default: throw .notAFile(path: path)
    }
  }

  private mutating func walk(_ path: [[UInt8]], location: String) throws(CreationError) {
    guard path.count < depthLimit else {
      throw .invalid(.pathTooDeep(path: location, limit: depthLimit))
    }
    let base = location.hasSuffix("/") ? location : location + "/"
    for entry in try PathResolution.entries(of: location) {
      // State of downloads is not content.
      if path.isEmpty, entry.elementsEqual(".apus".utf8) { continue }
      let text = base + String(decoding: entry, as: UTF8.self)
      guard SafeName.component(entry).utf8.elementsEqual(entry) else { throw .unsafeName(path: text) }
      var status = stat()
      guard unsafe lstat(text, &status) == 0 else { throw .system(text) }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: try walk(path + [entry], location: text)
      case S_IFREG: try append(path + [entry], location: text, status)
      case S_IFLNK: try appendLink(path + [entry], location: text, status)
      default: throw .notAFile(path: text)
      }
    }
  }

  private mutating func append(
    _ path: [[UInt8]], location: String, _ status: stat, target: [[UInt8]]? = nil
  ) throws(CreationError) {
    guard files.count < limit else { throw .invalid(.tooManyFiles(limit: limit)) }
    // Found now rather than after an hour of hashing.
    if target == nil, unsafe access(location, R_OK) != 0 { throw .system(location) }
    files.append(
      SourceFile(
        path: path, location: location, length: target == nil ? Int64(status.st_size) : 0,
        isExecutable: target == nil && status.st_mode & S_IXUSR != 0, linkTarget: target,
        stamp: FileStamp(status)))
  }

  private mutating func appendLink(
    _ path: [[UInt8]], location: String, _ status: stat
  ) throws(CreationError) {
    guard let text = PathResolution.target(of: location) else { throw .system(location) }
    let slash = UInt8(ascii: "/")
    var start = path.dropLast().map { $0 }
    var rest = text[...]
    if text.first == slash {
      // An absolute target is fine while it stays inside.
      let prefix = [UInt8](root.utf8)
      guard text.starts(with: prefix), text.count == prefix.count || text[prefix.count] == slash else {
        throw .linkLeaves(path: location, target: String(decoding: text, as: UTF8.self))
      }
      start = []
      rest = text.dropFirst(prefix.count)
    }
    for component in rest.split(separator: slash) where !component.elementsEqual(".".utf8) {
      if component.elementsEqual("..".utf8) {
        guard start.popLast() != nil else {
          throw .linkLeaves(path: location, target: String(decoding: text, as: UTF8.self))
        }
      } else {
        guard SafeName.component(component).utf8.elementsEqual(component) else {
          throw .unsafeName(path: location)
        }
        start.append([UInt8](component))
      }
    }
    // A list may not be empty, so that the folder itself is a dot.
    try append(path, location: location, status, target: start.isEmpty ? [[UInt8(ascii: ".")]] : start)
  }

  /// Looks at all files again: none may have changed since they were found.
  func checkUnchanged() throws(CreationError) {
    for file in files where file.linkTarget == nil {
      var status = stat()
      guard unsafe stat(file.location, &status) == 0, FileStamp(status) == file.stamp else {
        throw .changed(path: file.location)
      }
    }
  }
}
