import Bencode
import Digest

/// Reads and checks an info dictionary.
struct InfoReader {
  let limits: MetainfoLimits

  func read(_ info: BencodeValue) throws(MetainfoError) -> InfoStorage {
    guard info.isDictionary else { throw .wrongType(key: "info", expected: "a dictionary") }
    guard let nameValue = info["name"] else { throw .missing(key: "name") }
    guard let rawName = nameValue.string else { throw .wrongType(key: "name", expected: "a string") }
    let name = SafeName.first(rawName)
    let version = try version(info)
    let pieceLength = try pieceLength(info, version)

    var list: [RawFile] = []
    var isFolder = true
    if version.hasV1 { (list, isFolder) = try v1Files(info) }
    if version.hasV2 {
      guard let root = info["file tree"] else { throw .missing(key: "file tree") }
      var tree = FileTree(limits: limits)
      try tree.read(root)
      var files = tree.files
      // A single file is a tree of one entry that has the torrent's name.
      let isSingle = files.count == 1 && files[0].path == [rawName]
      if isSingle, !(version.hasV1 && isFolder) { files[0].path = [] }
      if version.hasV1 {
        list = try FileLayout.merge(list: list, tree: files, pieceLength: pieceLength)
      } else {
        list = files
        isFolder = !isSingle
      }
    }
    let layout = try FileLayout(
      list, name: name, version: version, pieceLength: pieceLength, limits: limits)
    let pieces = try version.hasV1 ? v1Pieces(info, count: layout.pieceCount) : nil
    return InfoStorage(
      InfoParts(
        bytes: info.bytes, version: version, name: name, isFolder: isFolder, pieceLength: pieceLength,
        isPrivate: info["private"]?.integer == 1,
        source: try MetainfoReader.text(info, "source", limits: limits), layout: layout,
        v1Pieces: pieces, similar: try MetainfoReader.similar(info, limits: limits),
        collections: try MetainfoReader.collections(info, limits: limits)))
  }

  private func version(_ info: BencodeValue) throws(MetainfoError) -> TorrentVersion {
    let hasPieces = info["pieces"] != nil
    guard let number = try MetainfoReader.integer(info, "meta version") else {
      if !hasPieces, info["file tree"] != nil { throw .missing(key: "meta version") }
      return .v1
    }
    switch number {
    case 1: return .v1
    case 2: return hasPieces ? .hybrid : .v2
    default: throw .unsupportedVersion(number)
    }
  }

  private func pieceLength(
    _ info: BencodeValue, _ version: TorrentVersion
  ) throws(MetainfoError) -> Int {
    guard let length = try MetainfoReader.integer(info, "piece length") else {
      throw .missing(key: "piece length")
    }
    let isV2Length = length >= MerkleTree.leafSize && length.nonzeroBitCount == 1
    guard length > 0, !version.hasV2 || isV2Length else { throw .invalidPieceLength(length) }
    guard length <= limits.maximumPieceLength else {
      throw .pieceLengthTooLarge(length, limit: limits.maximumPieceLength)
    }
    return Int(length)
  }

  private func v1Files(
    _ info: BencodeValue
  ) throws(MetainfoError) -> (files: [RawFile], isFolder: Bool) {
    guard let list = info["files"] else {
      guard info["length"] != nil else { throw .ambiguousFiles }
      return ([try RawFile(info, path: [], limits: limits)], false)
    }
    guard info["length"] == nil else { throw .ambiguousFiles }
    guard let elements = list.elements else { throw .wrongType(key: "files", expected: "a list") }
    var files: [RawFile] = []
    for element in elements {
      guard files.count < limits.maximumFiles else { throw .tooManyFiles(limit: limits.maximumFiles) }
      guard let parts = element["path"]?.elements else { throw .emptyPath(index: files.count) }
      var path: [[UInt8]] = []
      for part in parts {
        guard let name = part.string else { throw .wrongType(key: "path", expected: "a list of strings") }
        path.append(name)
      }
      guard !path.isEmpty else { throw .emptyPath(index: files.count) }
      files.append(try RawFile(element, path: path, limits: limits))
    }
    return (files, true)
  }

  /// Where the SHA-1 digests lie in the dictionary, checked against the number of pieces.
  private func v1Pieces(_ info: BencodeValue, count: Int) throws(MetainfoError) -> Range<Int> {
    guard let value = info["pieces"] else { throw .missing(key: "pieces") }
    guard let range = value.stringRange else { throw .wrongType(key: "pieces", expected: "a string") }
    guard range.count % SHA1Digest.byteCount == 0 else { throw .invalidPieces(byteCount: range.count) }
    let found = range.count / SHA1Digest.byteCount
    guard found == count else { throw .pieceCountMismatch(expected: count, found: found) }
    let start = info.offset
    return range.lowerBound - start..<range.upperBound - start
  }
}
