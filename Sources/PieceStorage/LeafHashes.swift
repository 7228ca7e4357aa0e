public import Digest
import Metainfo

extension TorrentStorage {
  /// The digests of the 16 KiB leaves of a piece as it is on the disk: the lowest layer of its tree,
  /// for peers that ask for it (BEP 52). Without padding. O(piece) reading and hashing.
  public func leafHashes(ofPiece piece: Int, on thread: DiskThread) throws(StorageError) -> [SHA256Digest] {
    let length = PieceExpectation.tree(piece: piece, info: info).length
    let hasher = thread.hasher
    hasher.begin(v1: false, treeLength: length)
    // As many leaves as are hashed side by side.
    let capacity = min(length, SHA256Lanes.width * MerkleTree.leafSize)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 4096)
    defer { unsafe memory.deallocate() }
    var offset = 0
    while offset < length {
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<min(memory.count, length - offset)])
      try unsafe read(piece: piece, offset: offset, into: part)
      unsafe hasher.take(UnsafeRawBufferPointer(part))
      offset += part.count
    }
    return (0..<hasher.leafCount()).map { hasher.leaf($0) }
  }
}
