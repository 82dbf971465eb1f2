"""The Streamlit window. It draws what `assistant` returns and decides nothing."""
