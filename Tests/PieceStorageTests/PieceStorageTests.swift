// PieceStorageTests
