// PieceStorage
