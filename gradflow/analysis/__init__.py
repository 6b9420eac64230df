"""What a run says: c with its interval, the verdict, the prediction beside it, the cause and the advice."""
