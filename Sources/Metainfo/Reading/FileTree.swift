import Bencode
import Bytes
import Digest

/// Reads the file tree of a v2 dictionary into a list in the order of the tree (BEP 52).
struct FileTree {
  let limits: MetainfoLimits
  private(set) var files: [RawFile] = []
  private var path: [[UInt8]] = []

  init(limits: MetainfoLimits) { self.limits = limits }

  /// Reads the tree; its depth is bounded by the path limit.
  mutating func read(_ tree: BencodeValue) throws(MetainfoError) {
    guard let members = tree.members else { throw .wrongType(key: "file tree", expected: "a dictionary") }
    var last: [UInt8]?
    for (key, value) in members {
      let name = key.string ?? []
      path.append(name)
      if let last, !last.lexicographicallyPrecedes(name) {
        throw .unsortedFileTree(path: RawFile.text(path))
      }
      last = name
      guard !name.isEmpty, value.isDictionary else { throw .invalidFileTree(path: RawFile.text(path)) }
      guard path.count <= limits.maximumPathComponents else {
        throw .pathTooDeep(path: RawFile.text(path), limit: limits.maximumPathComponents)
      }
      if let file = value[""] {
        // A file is a dictionary whose only key is empty; anything else would be a folder as well.
        guard value.entryCount == 1, file.isDictionary else {
          throw .invalidFileTree(path: RawFile.text(path))
        }
        try append(file)
      } else {
        try read(value)
      }
      path.removeLast()
    }
  }

  private mutating func append(_ value: BencodeValue) throws(MetainfoError) {
    guard files.count < limits.maximumFiles else { throw .tooManyFiles(limit: limits.maximumFiles) }
    var file = try RawFile(value, path: path, limits: limits)
    // Files are aligned without padding here, so that a pad file could only be a mistake.
    guard !file.attributes.isPadding else { throw .invalidFileTree(path: file.text) }
    if file.length > 0 {
      guard let root = value["pieces root"]?.string else { throw .missingRoot(path: file.text) }
      guard let digest = SHA256Digest(root) else { throw .invalidRoot(path: file.text) }
      file.piecesRoot = digest
    }
    files.append(file)
  }
}

extension BencodeValue {
  /// How many entries a dictionary has, as far as two.
  fileprivate var entryCount: Int {
    guard var members else { return 0 }
    return members.next() == nil ? 0 : members.next() == nil ? 1 : 2
  }
}
